//! The functions that make one number of several.

/// How several numbers become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::simulator) enum Function {
    Avg,
    Sum,
    Min,
    Max,
    Count,
}

impl Function {
    const ALL: [Self; 5] = [Self::Avg, Self::Sum, Self::Min, Self::Max, Self::Count];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
    }

    pub(in crate::simulator) fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
        }
    }

    /// The one number for several; there is at least one.
    pub(in crate::simulator) fn of(self, values: &[f64]) -> f64 {
        let sum: f64 = values.iter().sum();
        match self {
            Self::Avg => sum / values.len() as f64,
            Self::Sum => sum,
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Count => values.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_makes_one_number() {
        let numbers = Function::ALL.map(|function| function.of(&[4.0, -1.0, 3.0]));
        assert_eq!(numbers, [2.0, 6.0, -1.0, 4.0, 3.0]);
    }
}
