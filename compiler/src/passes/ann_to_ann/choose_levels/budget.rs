//! The cheapest choice within a budget of errors. Not a pass.

/// What one candidate of a layer costs, and the squared error that it makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offer {
    pub cost: f64,
    pub error: f64,
}

/// Parts that the budget is divided into. An error is rounded up to whole parts, so that the choice is never over the budget.
const PARTS: usize = 16_384;

/// For each layer the index of the offer to take, so that errors add up to at most `budget` and costs to as little as can be, up to
/// the rounding of errors to whole parts of the budget; `None` if every choice is over it. Of equal choices the one with
/// earlier offers in later layers.
///
/// Multiple-choice knapsack by dynamic programming (Kellerer, Pferschy, Pisinger: "Knapsack Problems", 2004, §11.5).
pub(super) fn cheapest(layers: &[Vec<Offer>], budget: f64) -> Option<Vec<usize>> {
    let weight = |error: f64| {
        let parts = if error == 0.0 { 0.0 } else { (error / budget * PARTS as f64).ceil() };
        // Not a number where both are 0 or infinite: such an offer fits nowhere.
        (parts <= PARTS as f64).then_some(parts as usize)
    };
    // Least cost of the layers so far with at most so many parts, and the offers that were taken on the way.
    let mut least = vec![Some(0.0); PARTS + 1];
    let mut taken = Vec::with_capacity(layers.len());
    for offers in layers {
        let mut next = vec![None::<f64>; PARTS + 1];
        let mut took = vec![u16::MAX; PARTS + 1];
        for (index, offer) in offers.iter().enumerate() {
            let Some(weight) = weight(offer.error) else { continue };
            for parts in weight..=PARTS {
                let Some(before) = least[parts - weight] else { continue };
                let cost = before + offer.cost;
                if next[parts].is_none_or(|known| cost < known) {
                    next[parts] = Some(cost);
                    took[parts] = index as u16;
                }
            }
        }
        least = next;
        taken.push(took);
    }
    least[PARTS]?;
    let mut parts = PARTS;
    let mut choice = vec![0; layers.len()];
    for (layer, took) in taken.iter().enumerate().rev() {
        let index = usize::from(took[parts]);
        choice[layer] = index;
        parts -= weight(layers[layer].get(index)?.error)?;
    }
    Some(choice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The least cost of any choice whose errors add up to at most `budget`.
    fn by_hand(layers: &[Vec<Offer>], budget: f64) -> Option<f64> {
        let Some((first, rest)) = layers.split_first() else { return (budget >= 0.0).then_some(0.0) };
        let costs = first
            .iter()
            .filter(|offer| offer.error <= budget)
            .filter_map(|offer| Some(offer.cost + by_hand(rest, budget - offer.error)?));
        costs.reduce(f64::min)
    }

    proptest! {
        #[test]
        fn no_choice_within_the_budget_is_cheaper(
            numbers in prop::collection::vec(prop::collection::vec((0u32..40, 0u32..40), 1..4), 1..6),
            budget in 1u32..80,
        ) {
            let offer = |&(cost, error): &(u32, u32)| Offer { cost: cost.into(), error: error.into() };
            let layers = numbers.iter().map(|layer| layer.iter().map(offer).collect()).collect::<Vec<Vec<_>>>();
            let sums = |choice: &[usize]| {
                let taken = layers.iter().zip(choice).map(|(layer, &index)| layer[index]);
                taken.fold((0.0, 0.0), |(cost, error), offer| (cost + offer.cost, error + offer.error))
            };
            let found = cheapest(&layers, budget.into());
            if let Some(choice) = &found {
                prop_assert!(sums(choice).1 <= budget.into());
            }
            // Rounded up to parts, a few whole numbers may miss the budget by parts, never by a whole.
            let cost = found.map(|choice| sums(&choice).0);
            let bounds = [by_hand(&layers, budget.into()), by_hand(&layers, f64::from(budget) - 0.5)];
            match (cost, bounds) {
                (Some(cost), [Some(least), stricter]) => {
                    prop_assert!(cost >= least);
                    prop_assert!(stricter.is_none_or(|stricter| cost <= stricter));
                }
                (None, [_, stricter]) => prop_assert_eq!(stricter, None),
                (Some(_), [None, _]) => prop_assert!(false, "a choice where there is none"),
            }
        }
    }

    #[test]
    fn silent_layers_and_impossible_budgets() {
        let offer = |cost, error| Offer { cost, error };
        assert_eq!(cheapest(&[], 1.0), Some(vec![]));
        assert_eq!(cheapest(&[vec![offer(2.0, 0.0), offer(1.0, 0.0)]], 0.0), Some(vec![1]));
        assert_eq!(cheapest(&[vec![offer(1.0, 2.0)]], 1.0), None);
        assert_eq!(cheapest(&[vec![offer(1.0, f64::NAN)]], 1.0), None);
    }
}
