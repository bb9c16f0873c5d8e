//! The same seed gives the same masks, for ever: a change of these values is value-breaking and belongs into the
//! changelog.

use racm::{MaskFamily, MaskSpec, McRise, Placement, Plan, Racm, Rise};

fn drawn(family: impl MaskFamily + 'static, channels: usize, placement: Placement) -> String {
    let spec = MaskSpec::new(family)
        .grid(2, 2)
        .placement(placement)
        .block_size(2);
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
             0,0: 2 0 4 0
             0,0: 6 4 0 0
             0,0: 3 0 0 4
             0,0: 7 0 0 0",
    );
    pinned(
        drawn(Racm, 3, Placement::Shifted),
        "
             7,2: 2 0 4 0 0 3 0 3 1
             7,2: 6 4 0 0 0 0 1 4 0
             1,4: 3 0 0 4 7 0 1 0 0
             2,9: 7 0 0 0 6 3 4 0 6",
    );
}

#[test]
fn racm_of_64_channels() {
    pinned(
        drawn(Racm, 64, Placement::Fixed),
        "
             0,0: b9305cc5677f11a1 0 d6dae824e0b8c17f 0
             0,0: af8c1b97bb93206d 74a10179ac9b9d3 0 0
             0,0: 6eaccb8c8fe19b27 0 0 fbfdb7856c3901a
             0,0: 5c1a204ec029c5ba 0 0 0",
    );
    pinned(drawn(Racm, 64, Placement::Shifted), "
             7,2: 4774a2461bad6bb6 0 1ea4709062cb607a 0 0 730007ab0a6cb534 0 ccef58beb4198e70 4b6095e9de6c33dc
             7,2: c9ec7815b7cc9c35 33d92052ebfdc6a1 0 0 0 0 aaedc221958d34de 69c56402cab791c 0
             1,4: d7ec9899aca480ce 0 0 a20b736561efb82c 409b8af27bbd6e10 0 21ee28d67e399eee 0 0
             2,9: f59bef65cc4e3219 0 0 0 30ba15a3c70d78d2 4c0c1c58e2e155e2 567f2d070bc702fa 0 65af1db6400dd76a");
}

#[test]
fn mc_rise() {
    pinned(
        drawn(McRise::rgb(), 3, Placement::Fixed),
        "
             0,0: 2 0 4 0
             0,0: 6 4 0 0
             0,0: 3 0 0 4
             0,0: 7 0 0 0",
    );
    pinned(
        drawn(McRise::rgb(), 3, Placement::Shifted),
        "
             7,2: 2 0 4 0 0 3 0 3 1
             7,2: 6 4 0 0 0 0 1 4 0
             1,4: 3 0 0 4 7 0 1 0 0
             2,9: 7 0 0 0 6 3 4 0 6",
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
