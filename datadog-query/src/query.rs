//! One question to Datadog.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    num::NonZeroU32,
    str::FromStr,
    sync::Arc,
};

use crate::{metric::MetricName, query::check::check, scope::Scope};

mod check;
mod parse;
mod template;
mod tree;

pub use self::{
    check::InvalidQuery,
    parse::{Mistake, Parsed, Warning, parse},
    template::{InvalidTemplate, InvalidValue, QueryTemplate, Unresolved, Variable},
    tree::{
        Argument, Expression, Filter, Modifier, NamedValue, Operator, Quoted, SeriesQuery, Symbol,
        Words,
    },
};

/// How the series that match the scope become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Aggregator {
    /// Their mean.
    #[default]
    Avg,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// A text names no [`Aggregator`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no aggregator: use avg, sum, min or max")]
pub struct InvalidAggregator(String);

impl FromStr for Aggregator {
    type Err = InvalidAggregator;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "avg" => Ok(Self::Avg),
            "sum" => Ok(Self::Sum),
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            other => Err(InvalidAggregator(other.to_owned())),
        }
    }
}

impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        })
    }
}

/// The width in seconds of the buckets that points are gathered in. Buckets
/// lie on multiples of it, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rollup(pub NonZeroU32);

/// One metric query, as Datadog reads it. Cheap to clone; two queries are
/// equal when their texts are.
#[derive(Clone, Debug)]
pub struct Query {
    text: Arc<str>,
    metric: Option<MetricName>,
    rollup: Option<Rollup>,
}

impl Query {
    /// The query for one metric over one scope:
    /// `avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)`.
    #[must_use]
    pub fn of(metric: &MetricName, scope: &Scope, aggregator: Aggregator, rollup: Rollup) -> Self {
        Self {
            text: format!("{aggregator}:{metric}{{{scope}}}.rollup({})", rollup.0).into(),
            metric: Some(metric.clone()),
            rollup: Some(rollup),
        }
    }

    /// A query that a person wrote, without the white space around it.
    ///
    /// Datadog publishes no grammar, so only what cannot be one query is
    /// refused here, above all a text that would be read as several: in a
    /// batch it would move its neighbours' answers. Datadog says the rest.
    ///
    /// # Errors
    ///
    /// Tells what is wrong, and at which character.
    pub fn written(text: &str) -> Result<Self, InvalidQuery> {
        let text = text.trim();
        check(text)?;
        Ok(Self::one(text))
    }

    /// A text that is one query.
    fn one(text: &str) -> Self {
        Self {
            text: text.into(),
            metric: only_metric(text),
            rollup: widest_rollup(text),
        }
    }

    /// The query's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The metric that the query reads, where it reads one and that is known for certain.
    #[must_use]
    pub fn metric(&self) -> Option<&MetricName> {
        self.metric.as_ref()
    }

    /// The width of the widest buckets that the query asks for, where it does. Else Datadog
    /// chooses one by the time that is asked for.
    #[must_use]
    pub fn rollup(&self) -> Option<Rollup> {
        self.rollup
    }
}

/// The metric of a written query that is understood and reads no other.
fn only_metric(text: &str) -> Option<MetricName> {
    let parsed = parse(text).ok()?;
    let series = parsed.expression.series();
    let (first, others) = series.split_first()?;
    let is_only = others.iter().all(|other| other.metric == first.metric);
    is_only.then(|| first.metric.parse().ok())?
}

/// The widest `.rollup(60)` or `.rollup(max, 60)`. They are looked for in the text, because
/// Datadog understands queries that nobody else can read.
fn widest_rollup(text: &str) -> Option<Rollup> {
    let text: String = text.split_whitespace().collect();
    let seconds = |rollup: &str| {
        let (arguments, _) = rollup.split_once(')')?;
        arguments.rsplit(',').next()?.parse().ok()
    };
    let rollups = text.split(".rollup(").skip(1).filter_map(seconds);
    rollups.max().map(Rollup)
}

/// With a precision, `{query:.500}`, as many characters as that at most, and how long the
/// whole text is: a scope may name thousands of values.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = f.precision().unwrap_or(usize::MAX);
        match self.text.char_indices().nth(most) {
            None => f.write_str(&self.text),
            Some((end, _)) => {
                let whole = self.text.chars().count();
                write!(f, "{}… ({whole} characters)", &self.text[..end])
            }
        }
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Query {}

impl Hash for Query {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Ord for Query {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl PartialOrd for Query {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tag::TagFilter;

    fn rollup(seconds: u32) -> Rollup {
        Rollup(NonZeroU32::new(seconds).unwrap())
    }

    #[test]
    fn a_query_is_printed_as_other_agents_print_it() {
        let metric = "nginx.net.request_per_s".parse().unwrap();
        let nginx = TagFilter::Is {
            key: "kube_container_name".into(),
            value: "nginx".into(),
        };
        let query = Query::of(
            &metric,
            &Scope::of([nginx]).unwrap(),
            Aggregator::Avg,
            rollup(30),
        );
        assert_eq!(
            query.text(),
            "avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)"
        );
        assert_eq!(query.metric(), Some(&metric));
    }

    #[test]
    fn the_same_text_is_the_same_query_whoever_wrote_it() {
        let metric = "system.load.1".parse().unwrap();
        let made = Query::of(&metric, &Scope::everywhere(), Aggregator::Max, rollup(10));
        assert_eq!(
            Query::written("  max:system.load.1{*}.rollup(10)\n"),
            Ok(made)
        );
    }

    #[test]
    fn a_written_query_of_one_metric_tells_it() {
        let metric = |text: &str| {
            Query::written(text)
                .unwrap()
                .metric()
                .map(ToString::to_string)
        };
        let hits = Some("trace.hits".to_owned());
        assert_eq!(metric("sum:trace.hits{*}.as_rate()"), hits);
        assert_eq!(
            metric("sum:trace.hits{a:b} / sum:trace.hits{*} * 100"),
            hits
        );
        assert_eq!(metric("sum:trace.hits{*} / sum:trace.errors{*}"), None);
        assert_eq!(metric("some day: {another} kind"), None);
    }

    #[test]
    fn a_written_query_tells_the_widest_of_its_buckets() {
        for (text, seconds) in [
            ("avg:a{*}", None),
            ("avg:a{*}.rollup(avg)", None),
            ("avg:a{*}.rollup(60)", Some(60)),
            ("sum:a{*}.as_count().rollup(sum, 300)", Some(300)),
            ("avg:a{*}.rollup(60) / avg:b{*}.rollup(max, 600)", Some(600)),
            (
                "avg:a{*}.as_count().rollup( max , 60 ).fill(zero, 90)",
                Some(60),
            ),
            ("moving_rollup(avg:a{*}.rollup(10), 300, 'max')", Some(10)),
            ("abs(avg:a{*}).rollup(avg, 45)", Some(45)),
            ("nobody[reads]:this{*}.rollup(20)", Some(20)),
            ("moving_rollup(avg:a{*}, 600, 'max')", None),
            ("avg:a{*}.rollup(0)", None),
        ] {
            let query = Query::written(text).unwrap();
            assert_eq!(query.rollup(), seconds.map(rollup), "{text}");
        }
    }

    #[test]
    fn a_long_query_is_told_in_short_where_that_is_asked_for() {
        let query = Query::written("avg:é{a:b}").unwrap();
        assert_eq!(format!("{query:.10}"), "avg:é{a:b}");
        assert_eq!(format!("{query:.5}"), "avg:é… (10 characters)");
        assert_eq!(query.to_string(), "avg:é{a:b}");
    }

    #[test]
    fn an_aggregator_is_read_as_it_is_printed() {
        for aggregator in [
            Aggregator::Avg,
            Aggregator::Sum,
            Aggregator::Min,
            Aggregator::Max,
        ] {
            assert_eq!(aggregator.to_string().parse(), Ok(aggregator));
        }
        assert_eq!(
            "p95".parse::<Aggregator>(),
            Err(InvalidAggregator("p95".into()))
        );
    }

    proptest! {
        #[test]
        fn every_query_that_is_made_passes_the_check_for_written_ones(
            metric in "[a-zA-Z][a-zA-Z0-9_.]{0,20}",
            tags in prop::collection::vec((any::<String>(), prop::collection::vec(any::<String>(), 1..3)), 0..4),
            seconds in 1_u32..,
        ) {
            let filters = tags.into_iter().map(|(key, values)| TagFilter::AnyOf { key, values });
            let scope = Scope::of(filters.filter(|f| Scope::of([f.clone()]).is_ok())).unwrap();
            let query = Query::of(&metric.parse().unwrap(), &scope, Aggregator::Sum, rollup(seconds));
            let written = Query::written(query.text()).unwrap();
            prop_assert_eq!(written.rollup(), query.rollup());
            prop_assert_eq!(written, query);
        }
    }
}
