use super::racm::{Racm, joint_share_of, share_of, states_of};
use super::{Family, MAX_PLANES, MaskFamily, Shown};
use crate::error::{Error, Result};

/// RaCM over named groups of channels that pass together: one plane a group, any number of channels.
///
/// The east and north wind, the 200 bands of a spectrum in 12 ranges, the columns of a one-hot code:
/// what means nothing alone passes or hides as one. A state is a non-empty subset of the *groups*,
/// so that all of [`Racm`] holds with G, the number of groups, in the place of C: `P_j = P_pix
/// 2^(G-1) / (2^G - 1)`. Up to 64 groups. Groups of one channel each, in order, are RaCM itself: the
/// same masks, scores and maps.
///
/// Made by [`Racm::grouped`].
///
/// ```
/// use racm::{MaskFamily, Racm};
///
/// let family = Racm::grouped([("temperature", vec![0]), ("wind", vec![1, 2])])?;
/// assert_eq!(family.planes(3), 2);
/// assert_eq!(family.plane_name(1, 3), "wind");
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupedRacm {
    names: Vec<String>,
    groups: Vec<Vec<usize>>,
    /// The group of each channel.
    group_of: Vec<usize>,
}

impl Racm {
    /// RaCM over groups of channels: a name for each, and its channels (0 is the image's first). Every
    /// channel of the image belongs to exactly one group. [`Channels`](crate::Channels) makes them of channels' names.
    ///
    /// ```
    /// use racm::{Explainer, FnModel, Racm};
    /// use racm::ndarray::{Array2, Array3, ArrayView4};
    ///
    /// // A field of four channels; the model needs both components of the wind.
    /// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
    ///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
    ///         batch[[n, 1, 3, 3]] * batch[[n, 2, 3, 3]]
    ///     })
    /// });
    /// let groups = Racm::grouped([("temperature", vec![0]), ("wind", vec![1, 2]), ("humidity", vec![3])])?;
    /// let explainer = Explainer::builder().family(groups).grid(4, 4).masks(500).build()?;
    /// let explanation = explainer.explain(&model, &Array3::ones((4, 16, 16)), 0)?;
    /// assert_eq!(explanation.plan().plane_names(), ["temperature", "wind", "humidity"]);
    /// let map = explanation.map(); // [3, 16, 16]
    /// assert!(map[[1, 3, 3]] > map[[0, 3, 3]]);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] for no group, more than 64 of them, a group without a channel, a channel in
    /// two groups (or twice in one), a channel in none, or two groups of one name. That the groups have
    /// as many channels as the image is checked when there is one.
    pub fn grouped<S: Into<String>, G: IntoIterator<Item = usize>>(
        groups: impl IntoIterator<Item = (S, G)>,
    ) -> Result<GroupedRacm> {
        let (names, groups): (Vec<String>, Vec<Vec<usize>>) = groups
            .into_iter()
            .map(|(name, group)| (name.into(), group.into_iter().collect()))
            .unzip();
        let fault =
            |given: String, expected: &str| Err(Error::parameter("groups", given, expected));
        if groups.is_empty() || groups.len() > MAX_PLANES {
            let expected = format!("1 to {MAX_PLANES} groups");
            return fault(format!("a list of {}", groups.len()), &expected);
        }
        let channels: usize = groups.iter().map(Vec::len).sum();
        let mut group_of = vec![None; channels];
        for (g, (name, group)) in names.iter().zip(&groups).enumerate() {
            if group.is_empty() {
                return fault(
                    format!("`{name}` without a channel"),
                    "at least one channel a group",
                );
            }
            if names[..g].contains(name) {
                return fault(
                    format!("two groups `{name}`"),
                    "a name of its own for every group",
                );
            }
            for &channel in group {
                match group_of.get_mut(channel) {
                    Some(slot @ None) => *slot = Some(g),
                    Some(Some(other)) => {
                        let other = &names[*other];
                        let given = format!("channel {channel} in `{other}` and in `{name}`");
                        return fault(given, "every channel once");
                    }
                    // With as many entries as channels, a number too high leaves one out, or another
                    // stands twice.
                    None => {
                        let given = format!("channel {channel} in `{name}`, of {channels} in all");
                        return fault(given, "each of the channels 0, 1, 2, ... in one group");
                    }
                }
            }
        }
        Ok(GroupedRacm {
            names,
            groups,
            // None is left: as many entries as channels, none of them twice.
            group_of: group_of.into_iter().flatten().collect(),
        })
    }
}

impl GroupedRacm {
    /// The names of the groups.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The channels of each group.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.groups
    }
}

impl MaskFamily for GroupedRacm {
    fn built_in(&self) -> Option<Family> {
        Some(Family::GroupedRacm(self.clone()))
    }

    fn name(&self) -> String {
        let alone = self.group_of.iter().enumerate().all(|(c, &g)| c == g);
        if alone && self.groups.len() == self.group_of.len() {
            return Racm.name();
        }
        format!("racm in groups {:?}", self.group_of)
    }

    fn states(&self, _channels: usize) -> u64 {
        states_of(self.groups.len())
    }

    fn planes(&self, _channels: usize) -> usize {
        self.groups.len()
    }

    fn incidence(&self, state: u64) -> u64 {
        state
    }

    fn shows(&self, state: u64, channel: usize) -> Shown {
        Racm.shows(state, self.group_of[channel])
    }

    fn plane_name(&self, plane: usize, _channels: usize) -> String {
        self.names[plane].clone()
    }

    fn share(&self, _plane: usize, _channels: usize) -> f64 {
        share_of(self.groups.len())
    }

    fn joint_share(&self, a: usize, b: usize, _channels: usize) -> f64 {
        joint_share_of(a, b, self.groups.len())
    }

    /// Every channel of a group has the group's map.
    fn channel_weight(&self, plane: usize, channel: usize) -> Option<f64> {
        Some(f64::from(u8::from(self.group_of[channel] == plane)))
    }

    fn check(&self, channels: usize) -> Result<()> {
        if self.group_of.len() == channels {
            return Ok(());
        }
        Err(Error::parameter(
            "groups",
            format!("a list with {} channels", self.group_of.len()),
            format!("each of the image's {channels} channels in one group"),
        ))
    }
}
