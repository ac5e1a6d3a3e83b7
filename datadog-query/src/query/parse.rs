//! Reads a metric query. Datadog publishes no grammar; this one holds what its server was
//! seen to accept and to refuse, and what its documentation shows.

mod cursor;
mod filter;
mod known;
mod series;
#[cfg(test)]
mod tests;

pub use self::cursor::Mistake;
use self::{
    cursor::Cursor,
    known::{is_aggregator, is_function},
};
pub(super) use self::{filter::is_word, known::is_metric};
use super::tree::{Argument, Expression, NamedValue, Operator, Quoted};

/// What was read, and what is doubtful about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The query.
    pub expression: Expression,
    /// What may be a mistake, and is for Datadog to say.
    pub warnings: Vec<Warning>,
}

/// Something that is not known to be right, at a place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The character at which it begins, counted from 1.
    pub place: usize,
    /// What a person reads.
    pub message: String,
}

/// Deeper nesting is no query that anybody means, and would take the stack.
const DEEPEST: u32 = 60;

/// Reads one metric query. The variables of a [`QueryTemplate`](super::QueryTemplate) are
/// read as a name, a tag or a number, whichever can stand there.
///
/// ```
/// use datadog_query::parse;
///
/// let parsed = parse("top( avg:system.load.1{*}by{host},10,'mean','desc' )")?;
/// assert_eq!(
///     parsed.expression.to_string(),
///     "top(avg:system.load.1{*} by {host}, 10, 'mean', 'desc')"
/// );
/// assert_eq!(parsed.warnings, []);
///
/// let mistake = parse("avg:system.load.1").unwrap_err();
/// assert_eq!(
///     mistake.to_string(),
///     "found the end at character 18, expected `{` and a scope, such as `{*}`, after the metric system.load.1"
/// );
/// # Ok::<(), datadog_query::Mistake>(())
/// ```
///
/// # Errors
/// The first mistake that Datadog would not take either. What is merely unknown here, such
/// as a function of another name, is let through with a warning: Datadog has the last word.
pub fn parse(text: &str) -> Result<Parsed, Mistake> {
    let mut parser = Parser {
        at: Cursor::of(text),
        warnings: Vec::new(),
        depth: 0,
    };
    let expression = parser.sum()?;
    parser.at.skip_space();
    match parser.at.peek() {
        None => Ok(Parsed {
            expression,
            warnings: parser.warnings,
        }),
        Some(',') => Err(parser
            .at
            .expected("the end: a comma here begins another query")),
        Some(_) => Err(parser.at.expected("an operator or the end")),
    }
}

struct Parser<'a> {
    at: Cursor<'a>,
    warnings: Vec<Warning>,
    depth: u32,
}

impl Parser<'_> {
    fn sum(&mut self) -> Result<Expression, Mistake> {
        self.chain(Self::product, |sign| match sign {
            '+' => Some(Operator::Plus),
            '-' => Some(Operator::Minus),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expression, Mistake> {
        self.chain(Self::factor, |sign| match sign {
            '*' => Some(Operator::Times),
            '/' => Some(Operator::Over),
            _ => None,
        })
    }

    fn chain(
        &mut self,
        operand: impl Fn(&mut Self) -> Result<Expression, Mistake>,
        operator: impl Fn(char) -> Option<Operator>,
    ) -> Result<Expression, Mistake> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        loop {
            self.at.skip_space();
            let Some(operator) = self.at.peek().and_then(&operator) else {
                break;
            };
            self.at.next();
            rest.push((operator, operand(self)?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Expression::Chain {
                first: Box::new(first),
                rest,
            }
        })
    }

    fn factor(&mut self) -> Result<Expression, Mistake> {
        self.deeper(|parser| {
            parser.at.skip_space();
            if parser.at.eat('-') {
                return Ok(Expression::Negative(Box::new(parser.factor()?)));
            }
            parser.primary()
        })
    }

    /// One step down, if there are steps left.
    fn deeper<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        if self.depth == DEEPEST {
            return Err(self.at.expected("no deeper nesting"));
        }
        self.depth += 1;
        let done = step(self);
        self.depth -= 1;
        done
    }

    fn primary(&mut self) -> Result<Expression, Mistake> {
        match self.at.peek() {
            Some('(') => {
                self.at.next();
                let inner = Box::new(self.sum()?);
                self.close(')')?;
                Ok(Expression::Parentheses {
                    inner,
                    modifiers: self.modifiers()?,
                })
            }
            Some(digit) if digit.is_ascii_digit() || digit == '.' => {
                Ok(Expression::Number(self.number()?))
            }
            Some(letter) if letter.is_ascii_alphabetic() => self.named(),
            Some('%') if self.at.variable().is_some() => self.named(),
            _ => Err(self
                .at
                .expected("a metric, a function, a number or a parenthesis")),
        }
    }

    fn close(&mut self, bracket: char) -> Result<(), Mistake> {
        self.at.skip_space();
        if self.at.eat(bracket) {
            Ok(())
        } else {
            Err(self.at.expected(match bracket {
                ')' => "`)`",
                _ => "`}`",
            }))
        }
    }

    /// Digits, at most one point, and an exponent; or a variable in their place.
    fn number(&mut self) -> Result<String, Mistake> {
        if let Some(variable) = self.at.eat_variable() {
            return Ok(variable.to_owned());
        }
        let begin = self.at;
        self.at.eat_while(|c| c.is_ascii_digit());
        if self.at.eat('.') {
            self.at.eat_while(|c| c.is_ascii_digit());
        }
        if !self.at.since(begin).contains(|c: char| c.is_ascii_digit()) {
            return Err(begin.expected("a number"));
        }
        let mantissa = self.at;
        if self.at.eat('e') || self.at.eat('E') {
            let _ = self.at.eat('+') || self.at.eat('-');
            if self.at.eat_while(|c| c.is_ascii_digit()).is_empty() {
                self.at = mantissa;
            }
        }
        Ok(self.at.since(begin).to_owned())
    }

    /// What begins with a name: a function, or a series.
    fn named(&mut self) -> Result<Expression, Mistake> {
        let begin = self.at;
        let name = self.at.eat_name(is_metric);
        let end = self.at;
        self.at.skip_space();
        match self.at.peek() {
            Some('(') => {
                let of_values = self.at;
                if name == "count"
                    && let Some(aggregator) = self.threshold(begin)
                {
                    return self.series(Some(aggregator));
                }
                self.at = of_values;
                self.call(begin, name)
            }
            Some(':') => {
                self.at.next();
                if !is_aggregator(name) {
                    self.warn_unknown(begin, name, "aggregator");
                }
                self.series(Some(name.to_owned()))
            }
            // A variable by itself stands for a number.
            next if next != Some('{') && begin.variable() == Some(name) => {
                self.at = end;
                Ok(Expression::Number(name.to_owned()))
            }
            _ => {
                self.at = begin;
                self.series(None)
            }
        }
    }

    fn call(&mut self, begin: Cursor<'_>, function: &str) -> Result<Expression, Mistake> {
        if !is_function(function) {
            self.warn_unknown(begin, function, "function");
        }
        self.at.next();
        let mut arguments = Vec::new();
        self.at.skip_space();
        if self.at.peek() != Some(')') {
            loop {
                arguments.push(self.argument()?);
                self.at.skip_space();
                if !self.at.eat(',') {
                    break;
                }
            }
        }
        self.at.skip_space();
        if !self.at.eat(')') {
            return Err(self.at.expected("`,` or `)`"));
        }
        Ok(Expression::Call {
            function: function.to_owned(),
            arguments,
            modifiers: self.modifiers()?,
        })
    }

    fn argument(&mut self) -> Result<Argument, Mistake> {
        self.at.skip_space();
        if let Some(text) = self.quoted()? {
            return Ok(Argument::Text(text));
        }
        let begin = self.at;
        let name = self.at.eat_while(|c| c == '_' || c.is_ascii_alphanumeric());
        self.at.skip_space();
        if !name.is_empty() && self.at.eat('=') {
            self.at.skip_space();
            let value = match self.quoted()? {
                Some(text) => NamedValue::Text(text),
                None => {
                    let begin = self.at;
                    let _ = self.at.eat('-');
                    self.number()?;
                    NamedValue::Number(self.at.since(begin).to_owned())
                }
            };
            return Ok(Argument::Named(name.to_owned(), value));
        }
        if name.starts_with(|c: char| c.is_ascii_alphabetic())
            && matches!(self.at.peek(), Some(',' | ')'))
        {
            return Err(begin.expected(&format!(
                "`'{name}'` in quotes, or a metric with its scope: without quotes a word is read as a metric"
            )));
        }
        self.at = begin;
        Ok(Argument::Expression(self.sum()?))
    }

    /// A text in quotes, where one begins.
    fn quoted(&mut self) -> Result<Option<Quoted>, Mistake> {
        let Some(quote @ ('\'' | '"')) = self.at.peek() else {
            return Ok(None);
        };
        let begin = self.at;
        self.at.next();
        let text = self.at.eat_while(|c| c != quote).to_owned();
        if self.at.eat(quote) {
            Ok(Some(Quoted { text, quote }))
        } else {
            Err(begin.expected("a quote that ends as well"))
        }
    }

    /// Warns of what is not known, which a text is only once its variables have values.
    fn warn_unknown(&mut self, at: Cursor<'_>, text: &str, what: &str) {
        if !text.contains("%%") {
            self.warn(at, format!("`{text}` is no {what} that is known here"));
        }
    }

    fn warn(&mut self, at: Cursor<'_>, message: String) {
        self.warnings.push(Warning {
            place: at.place(),
            message,
        });
    }
}
