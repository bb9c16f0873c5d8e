//! What the state of a cell tells the regression.

use ndarray::{Array1, Array2};

use crate::masks::plan::Plan;

/// States that are gone through one by one, for the expectations of pairs.
const MANY_STATES: u64 = 1 << 17;

/// States whose features are looked up.
const FEW_STATES: u64 = 1023;

/// The features of a state s that feeds the planes i with `m_i = 1`, n of them: orthonormal
/// combinations of the `m_i`, and of `m_i (n - 1)`, which count the pairs. All are 0 in the
/// unselected state, so that a selected cell that feeds nothing counts as unselected.
///
/// The *common* ones sum over the planes ("anything here?"), the others compare planes ("which?"):
/// models differ most in which of the two they go by.
pub(super) struct Features {
    /// `[features, planes]`: weights of `m_i`, and of `m_i (n - 1)`.
    single: Array2<f64>,
    pair: Array2<f64>,
    groups: Vec<usize>,
    /// `[states, features]`, or empty where the states are many.
    table: Array2<f64>,
    /// Expectations in a cell.
    pub means: Array1<f64>,
    /// `[J, features]`: the difference between the expectations in a cell that feeds plane j and in
    /// an unselected one.
    pub lifts: Array2<f64>,
}

impl Features {
    pub fn new(plan: &Plan) -> Self {
        let (planes, channels) = (plan.planes(), plan.shape()[0]);
        let family = plan.family();
        let states = family.states(channels);
        let all = states <= MANY_STATES;
        let pairs = all && (1..=states).any(|s| plan.incidence(s).count_ones() > 1);

        let sum = |weight: f64| (true, vec![weight; planes]);
        let contrasts = |weight: f64| (1..planes).map(move |k| (false, helmert(k, planes, weight)));
        let n = planes as f64;
        let singles: Vec<_> = [sum(1.0 / n.sqrt())]
            .into_iter()
            .chain(contrasts(1.0))
            .collect();
        let mut double = Vec::new();
        if pairs {
            double.push(sum((0.5 / (n * (n - 1.0))).sqrt()));
            if planes > 2 {
                double.extend(contrasts(1.0 / (n - 2.0).sqrt()));
            }
        }
        let count = singles.len() + double.len();
        let mut single = Array2::zeros((count, planes));
        let mut pair = Array2::zeros((count, planes));
        let mut groups = Vec::with_capacity(count);
        let rows = single.outer_iter_mut().take(singles.len());
        let rows = rows.chain(pair.outer_iter_mut().skip(singles.len()));
        let first_pair = singles.len();
        for (i, (mut row, (shared, weights))) in
            rows.zip(singles.into_iter().chain(double)).enumerate()
        {
            row.assign(&Array1::from_vec(weights));
            groups.push(2 * usize::from(i >= first_pair) + usize::from(!shared));
        }
        let mut features = Features {
            single,
            pair,
            groups,
            table: Array2::zeros((0, count)),
            means: Array1::zeros(count),
            lifts: Array2::zeros((planes, count)),
        };
        if all {
            features.go_through(plan, states);
        } else {
            let joint = |j, i| family.joint_share(i, j, channels);
            let given = Array2::from_shape_fn((planes, planes), |(j, i)| {
                joint(j, i) / family.share(j, channels)
            });
            features.lifts = given.dot(&features.single.t());
            let pass = Array1::from_vec(plan.pass_probabilities().to_vec());
            features.means = features.single.dot(&pass);
        }
        features
    }

    /// Expectations over the states 1, ..., S, which are equally likely.
    fn go_through(&mut self, plan: &Plan, states: u64) {
        let mut value = Array1::zeros(self.count());
        let mut feeding = vec![0.0; plan.planes()];
        if states <= FEW_STATES {
            self.table = Array2::zeros((states as usize + 1, self.count()));
        }
        for state in 1..=states {
            let planes = plan.incidence(state);
            self.evaluate(planes, &mut value);
            self.means += &value;
            for j in bits(planes) {
                feeding[j] += 1.0;
                let mut lift = self.lifts.row_mut(j);
                lift += &value;
            }
            if !self.table.is_empty() {
                self.table.row_mut(state as usize).assign(&value);
            }
        }
        self.means *= plan.spec().p_pix / states as f64;
        for (mut lift, n) in self.lifts.outer_iter_mut().zip(feeding) {
            lift /= f64::max(n, 1.0);
        }
    }

    pub fn count(&self) -> usize {
        self.groups.len()
    }

    /// The group of a feature, 0 to 3: even for common ones, 2 or more for pairs.
    pub fn group(&self, feature: usize) -> usize {
        self.groups[feature]
    }

    /// The features of every state, from the unselected one on, where the states are few.
    pub fn table(&self) -> Option<&Array2<f64>> {
        (self.table.dim().0 > 1).then_some(&self.table)
    }

    /// Whether there are contrasts beside the common features.
    pub fn contrasts(&self) -> bool {
        self.groups.iter().any(|group| group % 2 == 1)
    }

    /// The features of a state.
    pub fn of(&self, plan: &Plan, state: u64, out: &mut Array1<f64>) {
        if (state as usize) < self.table.dim().0 {
            out.assign(&self.table.row(state as usize));
        } else {
            self.evaluate(plan.incidence(state), out);
        }
    }

    fn evaluate(&self, planes: u64, out: &mut Array1<f64>) {
        out.fill(0.0);
        let others = f64::from(planes.count_ones()) - 1.0;
        for i in bits(planes) {
            out.scaled_add(1.0, &self.single.column(i));
            out.scaled_add(others, &self.pair.column(i));
        }
    }
}

fn bits(mut planes: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = (planes != 0).then(|| planes.trailing_zeros() as usize)?;
        planes &= planes - 1;
        Some(next)
    })
}

/// Row k of Helmert's matrix: plane k against the mean of those before it, of length `weight`.
fn helmert(k: usize, planes: usize, weight: f64) -> Vec<f64> {
    let length = ((k * (k + 1)) as f64).sqrt();
    let value = |i: usize| match i.cmp(&k) {
        std::cmp::Ordering::Less => -1.0,
        std::cmp::Ordering::Equal => k as f64,
        std::cmp::Ordering::Greater => 0.0,
    };
    (0..planes).map(|i| weight * value(i) / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::masks::family::Racm;
    use crate::masks::spec::MaskSpec;

    #[test]
    fn lifts_of_many_states_are_those_of_the_shares() {
        // 2 to 5 channels are gone through; their singles must be what the shares say.
        for channels in 2..6 {
            let plan = Plan::new([channels, 8, 8], &MaskSpec::new(Racm)).unwrap();
            let features = Features::new(&plan);
            let given = Array2::from_shape_fn(
                (channels, channels),
                |(j, i)| {
                    if i == j { 1.0 } else { 0.5 }
                },
            );
            let expected = given.dot(&features.single.t());
            for ((index, &lift), &expected) in features.lifts.indexed_iter().zip(&expected) {
                let paired = features.pair.row(index.1).iter().any(|&w| w != 0.0);
                assert!(paired || (lift - expected).abs() < 1e-12, "{channels}");
            }
            // The expectation over the states of a cell is that over the planes it feeds.
            let pass = plan.pass_probabilities();
            let expected = features.single.dot(&Array1::from_vec(pass.to_vec()));
            for ((mean, &expected), pair) in features
                .means
                .iter()
                .zip(&expected)
                .zip(features.pair.outer_iter())
            {
                assert!(pair.iter().any(|&w| w != 0.0) || (mean - expected).abs() < 1e-12);
            }
        }
    }
}
