//! One metric, its scope, and what is done to it.

use super::{Cursor, Mistake, Parser, is_metric, is_word, known::is_modifier};
use crate::query::tree::{Expression, Modifier, SeriesQuery};

impl Parser<'_> {
    /// `count(v: v<=1):`, which begins where the name does.
    pub(super) fn threshold(&mut self, begin: Cursor<'_>) -> Option<String> {
        self.at.next();
        let inner = self.at.eat_while(|c| !"(){},".contains(c));
        let (variable, condition) = inner.split_once(':')?;
        let is_threshold = condition.trim().strip_prefix(variable.trim())?;
        let is_threshold = is_threshold.trim_start().starts_with(['<', '>']);
        if !is_threshold || !self.at.eat(')') {
            return None;
        }
        let aggregator = self.at.since(begin).to_owned();
        self.at.skip_space();
        self.at.eat(':').then_some(aggregator)
    }

    pub(super) fn series(&mut self, aggregator: Option<String>) -> Result<Expression, Mistake> {
        self.at.skip_space();
        let begin = self.at;
        let metric = self.at.eat_name(is_metric).to_owned();
        if !metric.starts_with(|c: char| c.is_ascii_alphabetic() || c == '%') {
            return Err(begin.expected("the name of a metric"));
        }
        self.at.skip_space();
        if !self.at.eat('{') {
            return Err(match self.at.peek() {
                Some('-') => self.at.expected(&format!(
                    "`{{` and a scope after the metric {metric}: the name of a metric holds no hyphen"
                )),
                _ => self.at.expected(&format!(
                    "`{{` and a scope, such as `{{*}}`, after the metric {metric}"
                )),
            });
        }
        let filter = self.filter()?;
        Ok(Expression::Series(SeriesQuery {
            aggregator,
            metric,
            filter,
            by: self.by()?,
            modifiers: self.modifiers()?,
        }))
    }

    /// `by {host,env}`
    fn by(&mut self) -> Result<Vec<String>, Mistake> {
        let before = self.at;
        self.at.skip_space();
        let word = self.at.eat_while(|c| c.is_ascii_alphabetic());
        if !word.eq_ignore_ascii_case("by") {
            self.at = before;
            return Ok(Vec::new());
        }
        self.at.skip_space();
        if !self.at.eat('{') {
            return Err(self.at.expected("`{` and the tags to group by"));
        }
        let mut keys = Vec::new();
        loop {
            self.at.skip_space();
            let key = self.at.eat_while(is_word);
            if key.is_empty() {
                return Err(self.at.expected("a tag to group by"));
            }
            keys.push(key.to_owned());
            self.at.skip_space();
            if !self.at.eat(',') {
                break;
            }
        }
        self.close('}')?;
        Ok(keys)
    }

    pub(super) fn modifiers(&mut self) -> Result<Vec<Modifier>, Mistake> {
        let mut modifiers = Vec::new();
        loop {
            let before = self.at;
            self.at.skip_space();
            if !self.at.eat('.') {
                self.at = before;
                return Ok(modifiers);
            }
            let begin = self.at;
            let name = self.at.eat_name(|c| c == '_' || c.is_ascii_alphanumeric());
            if name.is_empty() || !self.at.eat('(') {
                return Err(begin.expected("a modifier such as `rollup(60)` or `as_count()`"));
            }
            let arguments = self.at.eat_while(|c| !"(){}".contains(c));
            let arguments: Vec<String> = match arguments.trim() {
                "" => Vec::new(),
                some => some.split(',').map(|one| one.trim().to_owned()).collect(),
            };
            self.close(')')?;
            if !is_modifier(name, &arguments) {
                let given = arguments.join(", ");
                self.warn_unknown(begin, &format!(".{name}({given})"), "modifier");
            }
            modifiers.push(Modifier {
                name: name.to_owned(),
                arguments,
            });
        }
    }
}
