//! The same seed gives the same masks, for ever: a change of these values is value-breaking and belongs into the
//! changelog.

use racm::{MaskFamily, MaskSpec, McRise, Placement, Plan, Racm, Rise};

fn drawn(family: impl MaskFamily + 'static, channels: usize, placement: Placement) -> String {
    let spec = MaskSpec {
        grid: [2, 2],
        placement,
        block_size: 2,
        ..MaskSpec::new(family)
    };
    let plan = Plan::new([channels, 20, 30], &spec).unwrap();
    // The first two masks of a block, the first of the next, one far away.
    let masks = [0, 1, 2, 1_000_001].map(|index| {
        let mask = plan.mask(42, index);
        let [y, x] = mask.offset();
        let states: Vec<String> = mask.states().iter().map(|s| format!("{s:x}")).collect();
        format!("{y},{x}: {}", states.join(" "))
    });
    masks.join("\n")
}

#[track_caller]
fn pinned(got: String, expected: &str) {
    let lines = |s: &str| {
        s.trim()
            .lines()
            .map(|l| l.trim().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&got),
        lines(expected),
        "
{got}"
    );
}

#[test]
fn rise() {
    pinned(
        drawn(Rise, 3, Placement::Fixed),
        "
             0,0: 1 0 1 0
             0,0: 1 1 0 0
             0,0: 1 0 0 1
             0,0: 1 0 0 0",
    );
    pinned(
        drawn(Rise, 3, Placement::Shifted),
        "
             7,2: 1 0 1 0 0 1 0 1 1
             7,2: 1 1 0 0 0 0 1 1 0
             1,4: 1 0 0 1 1 0 1 0 0
             2,9: 1 0 0 0 1 1 1 0 1",
    );
}

#[test]
fn racm() {
    pinned(
        drawn(Racm, 3, Placement::Fixed),
        "
             0,0: 6 6 0 6
             0,0: 2 0 0 0
             0,0: 7 0 4 0
             0,0: 5 0 0 2",
    );
    pinned(
        drawn(Racm, 3, Placement::Shifted),
        "
             7,2: 6 6 0 6 1 5 5 5 0
             7,2: 2 0 0 0 0 2 0 0 2
             1,4: 7 0 4 0 7 0 0 0 0
             2,9: 5 0 0 2 6 7 2 3 3",
    );
}

#[test]
fn racm_of_64_channels() {
    pinned(
        drawn(Racm, 64, Placement::Fixed),
        "
             0,0: da19b72ef76bda65 0 0 d6dae824e0b8c17f
             0,0: 3b23bb71a07a1e6d 0 0 0
             0,0: e2e6e5fe3d78369e 6eaccb8c8fe19b27 e522e8947f05be29 0
             0,0: ac2cef9a1580b725 0 32e2bbd7b8d11ea2 0",
    );
    pinned(drawn(Racm, 64, Placement::Shifted), "
             7,2: da19b72ef76bda65 0 0 d6dae824e0b8c17f 4774a2461bad6bb6 b4b14f90bbdaa9c4 0 0 0
             7,2: 3b23bb71a07a1e6d 0 0 0 44fefc76db3ff174 0 33d92052ebfdc6a1 0 69c56402cab791c
             1,4: e2e6e5fe3d78369e 6eaccb8c8fe19b27 e522e8947f05be29 0 0 0 409b8af27bbd6e10 53a712fd20aa9a49 4b76904cdfb38d19
             2,9: ac2cef9a1580b725 0 32e2bbd7b8d11ea2 0 f59bef65cc4e3219 1663cafd2a5c0f60 567f2d070bc702fa 4e502152317367a6 0");
}

#[test]
fn mc_rise() {
    pinned(
        drawn(McRise::rgb(), 3, Placement::Fixed),
        "
             0,0: 6 6 0 6
             0,0: 2 0 0 0
             0,0: 7 0 4 0
             0,0: 5 0 0 2",
    );
    pinned(
        drawn(McRise::rgb(), 3, Placement::Shifted),
        "
             7,2: 6 6 0 6 1 5 5 5 0
             7,2: 2 0 0 0 0 2 0 0 2
             1,4: 7 0 4 0 7 0 0 0 0
             2,9: 5 0 0 2 6 7 2 3 3",
    );
}

/// Ledgers carry this number: a change makes every stored ledger unreadable.
#[test]
fn fingerprints() {
    let plan = |spec: &MaskSpec| Plan::new([3, 20, 30], spec).unwrap().fingerprint();
    let got = [
        plan(&MaskSpec::default()),
        plan(&MaskSpec::new(Rise)),
        plan(&MaskSpec::new(McRise::rgb())),
    ];
    assert_eq!(
        got.map(|x| format!("{x:016x}")),
        ["2269d03843276dba", "74709585d2d6189a", "e53a9b565626f11f"]
    );
}
