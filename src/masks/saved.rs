//! Specs, plans and regions as they are saved (feature `serde`).

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::masks::family::{Family, McRise, Racm};
use crate::masks::grid::{Enlargement, Placement};
use crate::masks::plan::Plan;
use crate::masks::region::Region;
use crate::masks::segments::Segments;
use crate::masks::spec::MaskSpec;

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a family: \"racm\", \"rise\", \"mc-rise\", {\"groups\": [[name, channels], ...]} or {\"colours\": [[name, values], ...]}"
)]
enum SavedFamily {
    Name(String),
    Groups { groups: Vec<(String, Vec<usize>)> },
    Colours { colours: Vec<(String, Vec<f32>)> },
}

impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = match self {
            Family::GroupedRacm(family) => SavedFamily::Groups {
                groups: family
                    .names()
                    .iter()
                    .cloned()
                    .zip(family.groups().to_vec())
                    .collect(),
            },
            Family::McRise(family) if *family != McRise::rgb() => SavedFamily::Colours {
                colours: family
                    .names()
                    .iter()
                    .cloned()
                    .zip(family.colours().to_vec())
                    .collect(),
            },
            _ => SavedFamily::Name(self.to_string()),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let family = match SavedFamily::deserialize(from)? {
            SavedFamily::Name(name) => name.parse(),
            SavedFamily::Groups { groups } => Racm::grouped(groups).map(Family::GroupedRacm),
            SavedFamily::Colours { colours } => McRise::new(colours).map(Family::McRise),
        };
        family.map_err(D::Error::custom)
    }
}

/// Run lengths, row by row: pixels outside, pixels inside, pixels outside, ...
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedRegion {
    shape: [usize; 2],
    runs: Vec<usize>,
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (height, width) = self.pixels().dim();
        let (shape, runs) = ([height, width], self.runs());
        SavedRegion { shape, runs }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let SavedRegion { shape, runs } = SavedRegion::deserialize(from)?;
        Region::from_runs(shape, &runs).map_err(D::Error::custom)
    }
}

/// Labels and how often each is repeated, row by row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSegments {
    shape: [usize; 2],
    runs: Vec<(i64, usize)>,
}

impl Serialize for Segments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (height, width) = self.labels().dim();
        let runs = self.runs().iter();
        SavedSegments {
            shape: [height, width],
            runs: runs
                .map(|(run, label)| (i64::from(*label), run.len()))
                .collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Segments {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let SavedSegments { shape, runs } = SavedSegments::deserialize(from)?;
        Segments::from_runs(shape, &runs).map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SavedSpec {
    family: Family,
    grid: Option<[usize; 2]>,
    enlargement: Enlargement,
    placement: Placement,
    p_pix: f64,
    region: Option<Region>,
    segments: Option<Segments>,
    block_size: usize,
}

impl SavedSpec {
    fn new(spec: &MaskSpec, family: Family) -> Self {
        SavedSpec {
            family,
            grid: spec.grid,
            enlargement: spec.enlargement,
            placement: spec.placement,
            p_pix: spec.p_pix,
            region: spec.region.clone(),
            segments: spec.segments.clone(),
            block_size: spec.block_size,
        }
    }
}

impl Default for SavedSpec {
    fn default() -> Self {
        SavedSpec::new(&MaskSpec::default(), Family::Racm)
    }
}

impl Serialize for MaskSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.family.built_in() {
            Some(family) => SavedSpec::new(self, family).serialize(serializer),
            None => Err(S::Error::custom(format!(
                "the family {} cannot be saved: it is not one of this crate's",
                self.family.name()
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for MaskSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let saved = SavedSpec::deserialize(from)?;
        let mut spec = MaskSpec::new(saved.family.shared())
            .enlargement(saved.enlargement)
            .placement(saved.placement)
            .p_pix(saved.p_pix)
            .region(saved.region)
            .segments(saved.segments)
            .block_size(saved.block_size);
        spec.grid = saved.grid;
        spec.check().map_err(D::Error::custom)?;
        Ok(spec)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPlan {
    shape: [usize; 3],
    spec: MaskSpec,
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (shape, spec) = (self.shape(), self.spec().clone());
        SavedPlan { shape, spec }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let saved = SavedPlan::deserialize(from)?;
        Plan::new(saved.shape, &saved.spec).map_err(D::Error::custom)
    }
}
