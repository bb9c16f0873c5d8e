//! One axis at a time: every number of pixels and cells up to 40, every offset.

use racm::{Enlargement, MaskSpec, Placement, Plan, Rise};

use crate::worlds::{ENLARGEMENTS, Kind, PLACEMENTS, kinds, scene, worst};

fn rise() -> Kind {
    kinds().into_iter().find(|k| k.name == "rise 1").unwrap()
}

#[test]
fn every_axis_is_the_reference_s() {
    let kind = rise();
    for pixels in 1..=40 {
        for cells in 1..=pixels {
            for enlargement in ENLARGEMENTS {
                for placement in PLACEMENTS {
                    for (size, grid) in [([1, pixels], [1, cells]), ([pixels, 1], [cells, 1])] {
                        let scene = scene(&kind, size, grid, enlargement, placement, 0.5);
                        let plan = scene.plan(&kind, 1);
                        for index in 0..4 {
                            let mask = plan.mask(1, index);
                            let expected = scene.picture_of(&mask);
                            let what = (pixels, cells, enlargement, placement);
                            assert!(
                                worst(&mask.plane(0), &expected.planes[0]) < 1e-6,
                                "{what:?}"
                            );
                            assert!(worst(&mask.bias(), &expected.bias) < 1e-6, "{what:?}");
                        }
                    }
                }
            }
        }
    }
}

/// Hard masks are 0 or 1 to the bit, and a mask and its bias mask always sum to 1.
#[test]
fn masks_are_convex() {
    for enlargement in ENLARGEMENTS {
        for placement in PLACEMENTS {
            let spec = MaskSpec::new(Rise)
                .enlargement(enlargement)
                .placement(placement)
                .grid(3, 7);
            let plan = Plan::new([1, 20, 33], &spec).unwrap();
            let (mut soft, mut both) = (0, [false; 2]);
            for index in 0..50 {
                let mask = plan.mask(0, index);
                for (m, m_0) in mask.plane(0).iter().zip(&mask.bias()) {
                    assert!((0.0..=1.0).contains(m) && (0.0..=1.0).contains(m_0));
                    assert!((m + m_0 - 1.0).abs() < 1e-6);
                    soft += usize::from(*m != 0.0 && *m != 1.0);
                    both[usize::from(*m > 0.5)] = true;
                }
            }
            assert_eq!(soft > 0, enlargement == Enlargement::Bilinear);
            assert_eq!(both, [true; 2]);
        }
    }
}

/// Fixed cells are stretched, shifted ones are cropped: numbers by hand.
#[test]
fn placements_by_hand() {
    let plan = |placement| {
        let spec = MaskSpec::default().placement(placement).grid(2, 3);
        Plan::new([3, 5, 7], &spec).unwrap()
    };
    let fixed = plan(Placement::Fixed);
    assert_eq!((fixed.cells(), fixed.offsets()), ([2, 3], [1, 1]));
    assert_eq!(fixed.mask(0, 0).states().len(), 6);
    let shifted = plan(Placement::Shifted);
    assert_eq!((shifted.cells(), shifted.offsets()), ([3, 4], [3, 3]));
    assert_eq!(shifted.mask(0, 0).states().len(), 12);
    assert_eq!(shifted.plane_names(), ["red", "green", "blue"]);
}
