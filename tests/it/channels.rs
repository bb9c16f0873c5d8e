//! Names for channels, and groups by name.

use racm::{Channels, MaskFamily, MaskSpec, Plan, Racm, Result};

use crate::errors::says;

fn planes(channels: &Channels) -> Vec<(String, Vec<usize>)> {
    let family = channels.grouped().unwrap();
    let names = family.names().iter().cloned();
    names.zip(family.groups().to_vec()).collect()
}

fn read(text: &str) -> Channels {
    text.parse().unwrap()
}

#[test]
fn a_list_names_planes_and_groups_in_the_order_of_the_channels() {
    let channels = read("t, wind = u+v ,q+r");
    assert_eq!(channels.names(), ["t", "u", "v", "q", "r"]);
    let expected = [("t", vec![0]), ("wind", vec![1, 2]), ("q+r", vec![3, 4])];
    let expected = expected.map(|(name, group)| (name.to_owned(), group));
    assert_eq!(planes(&channels), expected);
    // Names alone change no mask.
    let plan = |family: &dyn Fn() -> MaskSpec| Plan::new([3, 9, 9], &family()).unwrap();
    let named = plan(&|| MaskSpec::new(read("a,b,c").grouped().unwrap()));
    assert_eq!(named.plane_names(), ["a", "b", "c"]);
    assert_eq!(named.fingerprint(), plan(&MaskSpec::default).fingerprint());
    assert_eq!(Channels::unnamed(3).names(), ["red", "green", "blue"]);
    assert_eq!(Channels::unnamed(2).names(), ["channel 0", "channel 1"]);
    assert_eq!(Channels::named(["a", "b"]).unwrap(), read("a,b"));
    assert!(read("a,b").check(2).is_ok());
}

#[test]
fn channels_are_joined_by_name_by_number_and_by_range() {
    let joined = |text: &str| planes(&read("t,u+v,q,r").joined(text).unwrap());
    let named = |planes: &[(&str, &[usize])]| -> Vec<(String, Vec<usize>)> {
        let planes = planes.iter();
        planes.map(|(n, g)| ((*n).to_owned(), g.to_vec())).collect()
    };
    // Planes are in the order of their first channels, whatever the list's.
    assert_eq!(
        joined("q+t"),
        named(&[("q+t", &[3, 0]), ("u+v", &[1, 2]), ("r", &[4])])
    );
    assert_eq!(
        joined("x=4+0, y=q"),
        named(&[("x", &[4, 0]), ("u+v", &[1, 2]), ("y", &[3])])
    );
    assert_eq!(
        joined("x=3-4"),
        named(&[("t", &[0]), ("u+v", &[1, 2]), ("x", &[3, 4])])
    );
    // Without a name, a group is called by its channels, a range by its first and its last.
    assert_eq!(
        joined("0+3"),
        named(&[("t+q", &[0, 3]), ("u+v", &[1, 2]), ("r", &[4])])
    );
    assert_eq!(joined("3-4")[2], ("q to r".to_owned(), vec![3, 4]));
    // A name comes before a number.
    assert_eq!(planes(&read("2,1,0").joined("1+2").unwrap())[0].1, [1, 0]);
    let bands = Channels::unnamed(200)
        .joined("visible=0-40,rest=41-199")
        .unwrap();
    let family = bands.grouped().unwrap();
    assert_eq!((family.planes(200), family.groups()[1].len()), (2, 159));
}

#[test]
fn numbers_that_are_names_are_no_positions() {
    let joined = |names: &str, groups: &str| read(names).joined(groups).map(|c| planes(&c));
    let first = |names: &str, groups: &str| joined(names, groups).unwrap()[0].clone();
    let nanometres = "400,410,420,430";
    assert_eq!(
        first(nanometres, "400-420"),
        ("400 to 420".to_owned(), vec![0, 1, 2])
    );
    assert_eq!(
        first("1,2,3,4", "1-3"),
        ("1 to 3".to_owned(), vec![0, 1, 2])
    );
    // Each its own number: both readings are the same.
    assert_eq!(
        first("0,1,2,3", "0-2"),
        ("0 to 2".to_owned(), vec![0, 1, 2])
    );
    let unclear = "a range over names that are numbers and rise from channel to channel; + joins channels in any order";
    for (names, range) in [
        ("1,10,11,12,2,3,4", "1-4"),
        ("1,a,2", "1-2"),
        (nanometres, "420-400"),
    ] {
        let refused = joined(names, range).unwrap_err();
        says(refused, &format!("groups is `{range}`, expected {unclear}"));
    }
    for word in ["0", "0-1", "400-440", "400-1"] {
        let expected = "expected a channel of 400, 410, 420, 430; numbers are names here, as these channels have numbers as \
                        names";
        says(
            joined(nanometres, word).unwrap_err(),
            &format!("groups is `{word}`, {expected}"),
        );
    }
}

#[test]
fn bad_lists_are_refused() {
    let list = |text: &str, message: &str| {
        says(
            text.parse::<Channels>().unwrap_err(),
            &format!("channels is {message}"),
        );
    };
    let rule = "names of 1 to 100 letters, without control characters, `,`, `+` and `=`";
    for text in ["", "a,,b", "a,", "a+", "+", "=a", "a, ,b"] {
        list(text, &format!("an empty name, expected {rule}"));
    }
    list(
        &"a".repeat(101),
        &format!("a name of 101 letters, expected {rule}"),
    );
    list("a=b=c", &format!("\"b=c\", with '=', expected {rule}"));
    list("a\nb", &format!("\"a\\nb\", with '\\n', expected {rule}"));
    let names = (0..30).map(|c| format!("band{c}")).collect::<Vec<_>>();
    let expected = "expected a name of its own, NAME=.., where they have over 100 letters";
    let first =
        "a group with the names band0, band1, band2, band3, band4, band5, band6, band7, ...";
    list(&names.join("+"), &format!("{first}, {expected}"));
    assert!(format!("x={}", names.join("+")).parse::<Channels>().is_ok());
    let twice = "`a` for channel 0 and for channel 2, expected a name of its own for every channel";
    list("a,b+a", twice);
    list(
        "a,x= ",
        "`x` without a channel, expected at least one channel a group",
    );
    let length = |result: Result<()>, message: &str| says(result.unwrap_err(), message);
    length(
        read("a,b").check(3),
        "channels is 2 names (a, b), expected 3, one for each channel of the image",
    );
    length(
        Channels::unnamed(10).check(1),
        "channels is 10 names (channel 0, channel 1, channel 2, channel 3, channel 4, channel 5, channel 6, channel 7, \
         ...), expected one, of the image's only channel",
    );
    let groups = |text: &str, message: &str| {
        let refused = read("a,b+c,d").joined(text).and_then(|c| c.grouped());
        says(refused.unwrap_err(), &format!("groups is {message}"));
    };
    for unknown in [
        "w",
        "4",
        "0-4",
        "2-1",
        "-1",
        "0-99999999999999999999",
        "1.5",
    ] {
        let expected = "expected a channel of a, b, c, d, or its number from 0 to 3";
        groups(&format!("a+{unknown}"), &format!("`{unknown}`, {expected}"));
    }
    let both = |a: &str, b: &str| {
        format!("channel `b` in `{a}` and in `{b}`, expected every channel in one group")
    };
    groups("a+b", &both("b+c", "a+b"));
    groups(
        "x=",
        "`x` without a channel, expected at least one channel a group",
    );
    groups(
        "x=a,x=d",
        "two groups `x`, expected a name of its own for every group",
    );
    let refused = read("a,b").joined("a+b,b").unwrap_err();
    says(refused, &format!("groups is {}", both("a+b", "b")));
    let many = Channels::unnamed(65).grouped().unwrap_err();
    says(many, "groups is a list of 65, expected 1 to 64 groups");
    assert!(Racm::grouped([("a", [0])]).is_ok());
}
