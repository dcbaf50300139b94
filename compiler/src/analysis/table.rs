//! Step functions over the integers: where the level of an activation changes as its membrane goes up.

/// A step function: `start` far below, and at each breakpoint one level more or less.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Level of the smallest integer.
    pub start: i32,
    /// Ascending breakpoints with their steps of ±1; a jump of several levels is as many entries.
    pub steps: Vec<(i32, i8)>,
}

/// The largest breakpoint. The next integer pads tables, and no membrane passes it.
const LAST: i64 = i32::MAX as i64 - 1;

impl Table {
    /// The table of `level`, which is monotone on both sides of `turn`, an argument of it that need not be an integer.
    ///
    /// Exact: it halves each interval whose ends have different levels until they are neighbours. Takes about 31 calls of `level` for each
    /// breakpoint.
    pub fn of(level: impl Fn(f64) -> i32, turn: Option<f64>) -> Self {
        let at = |x: i64| level(x as f64);
        let first = i64::from(i32::MIN);
        let mut table = Self { start: at(first), steps: vec![] };
        let mut ends = vec![first];
        if let Some(turn) = turn {
            // The minimum over the integers may lie on either side of the real one: between the two the level goes any way.
            let left = turn.floor().clamp(first as f64, (LAST - 1) as f64) as i64;
            ends.extend([left, left + 1]);
        }
        ends.push(LAST);
        for pair in ends.windows(2) {
            table.refine(&at, (pair[0], at(pair[0])), (pair[1], at(pair[1])));
        }
        table
    }

    fn refine(&mut self, at: &impl Fn(i64) -> i32, low: (i64, i32), high: (i64, i32)) {
        if low.1 == high.1 {
            return;
        }
        if high.0 - low.0 <= 1 {
            let step = (high.1 - low.1).signum() as i8;
            self.steps.extend((0..high.1.abs_diff(low.1)).map(|_| (high.0 as i32, step)));
            return;
        }
        let middle = low.0 + (high.0 - low.0) / 2;
        let middle = (middle, at(middle));
        self.refine(at, low, middle);
        self.refine(at, middle, high);
    }

    /// The level of `x`.
    pub fn level(&self, x: i32) -> i32 {
        let passed = self.steps.partition_point(|&(breakpoint, _)| breakpoint <= x);
        self.start + self.steps[..passed].iter().map(|&(_, step)| i32::from(step)).sum::<i32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::curve::Function;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tables_are_the_rounded_functions(
            function in prop::sample::select(Function::ALL.to_vec()),
            parameter in prop_oneof![Just(0.01), Just(1.0), -0.5f64..2.0],
            unit in 1e-6f64..0.1,
            scale in 0.003f64..0.5,
            far in proptest::collection::vec(any::<i32>(), 50),
        ) {
            let function = function.1;
            let parameter = if function == Function::Softplus { parameter.abs().max(0.01) } else { parameter };
            let level = |x: f64| {
                ((function.at(x * unit, parameter) / scale + 0.5).floor() as i32).clamp(-31, 31)
            };
            let table = Table::of(level, function.turn(parameter).map(|turn| turn / unit));
            prop_assert!(table.steps.is_sorted_by_key(|&(breakpoint, _)| breakpoint));
            let turn = (function.turn(parameter).unwrap_or(0.0) / unit) as i32;
            let near = (-2000..2000).flat_map(|x| [x, turn + x]);
            let around = table.steps.iter().flat_map(|&(breakpoint, _)| [breakpoint - 1, breakpoint, breakpoint + 1]);
            for x in near.chain(around).chain(far) {
                prop_assert_eq!(table.level(x), level(f64::from(x)), "{} at {}", function.name(), x);
            }
        }
    }

    #[test]
    fn jumps_take_as_many_entries() {
        let table = Table::of(|x| if x < 5.0 { -1 } else { 2 }, None);
        assert_eq!(table, Table { start: -1, steps: vec![(5, 1); 3] });
        assert_eq!((table.level(4), table.level(5)), (-1, 2));
    }
}
