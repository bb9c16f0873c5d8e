//! Arguments that ask for too much, for nothing, or for what there is not.

use crate::bytes::png;
use crate::{Case, Room, proto};

pub fn cases(room: &Room) -> Vec<Case> {
    let image = room.file("ramp.png", png(16, 8, 2));
    let list = room.file("list.csv", "file\nramp.png\n");
    let explain = format!("explain --model demo --image {image} --grid 4");
    let evaluate =
        format!("evaluate --model demo --methods rise --grid 4 --metrics gini --images {list}");
    let mut cases = Vec::new();
    for (arguments, word) in [
        ("--masks 0", "masks is 0"),
        ("--calls 0", "masks is 0"),
        ("--batch 0", "batch is 0"),
        ("--p-pix 0", "p_pix is 0"),
        ("--p-pix 1", "p_pix is 1"),
        ("--p-pix NaN", "p_pix is NaN"),
        ("--until NaN", "--until is NaN"),
        ("--until 2", "--until is 2"),
        ("--until-stable inf", "--until-stable is inf"),
        ("--seconds -1", "seconds is -1"),
        ("--seconds inf", "seconds is inf"),
        ("--seconds NaN", "seconds is NaN"),
        ("--seconds 1e300", "seconds is"),
        ("--threads 0", "--threads is 0"),
        ("--threads 18446744073709551615", "--threads is"),
        ("--target 99", "class 99"),
        (
            "--target 18446744073709551615",
            "class 18446744073709551615",
        ),
        ("--baseline NaN", "baseline"),
        ("--baseline 0,0", "baseline"),
        ("--baseline blur:0", "sigma"),
        ("--baseline blur:NaN", "sigma"),
        ("--baseline blur:1e300", "sigma"),
        ("--channels a,b", "channels is 2 names"),
        ("--channels blue,green,red", "`blue` for channel 0"),
        ("--channels a,b,c --groups a+x", "groups is `x`"),
        ("--groups 0-18446744073709551615", "groups is `0-1844"),
        ("--groups red+green,green+blue", "channel `green` in"),
        ("--groups +", "groups is an empty name"),
        ("--groups red+blue --method rise", "rise has one plane"),
        ("--sort --estimator pass-only", "--sort goes by own effects"),
        ("--keep 0.5 --refine grad-cam", "layers"),
        ("--refine unheard", "there is no unheard"),
        ("--method grad-cam", "about random masks"),
        ("--layer x", "--layer is about class activation maps"),
        ("--device cuda", "--device is cuda"),
        ("--method lime --effect own", "--effect"),
        ("--effect own --estimator pass-only", "effect"),
    ] {
        let all = format!("{explain} {arguments}");
        cases.push(Case::refused(arguments, &all, &[word]));
    }
    // How a model of one's own takes its input.
    let model = room.file("means.onnx", proto::means(3, None));
    let own = format!("explain --model {model} --image {image} --grid 4");
    for (arguments, word) in [
        ("--scale NaN", "scale is NaN"),
        ("--scale 0", "scale is 0"),
        ("--std 0", "std"),
        ("--std 1,NaN,1", "std"),
        ("--mean inf", "mean"),
    ] {
        cases.push(Case::refused(
            arguments,
            &format!("{own} {arguments}"),
            &[word],
        ));
    }
    let tiny = "--masks 16 --scale 1e-30";
    cases.push(Case::either(tiny, &format!("{own} {tiny}"), &[]));
    for (grid, word) in [
        ("0", "grid"),
        ("17", "grid"),
        ("4x0", "grid"),
        ("18446744073709551615", "grid"),
        ("1x18446744073709551615", "grid"),
    ] {
        let all = format!("explain --model demo --image {image} --grid {grid}");
        cases.push(Case::refused(format!("--grid {grid}"), &all, &[word]));
    }
    for (arguments, word) in [
        ("--masks 0", "masks is 0"),
        ("--masks 8 --steps 0", "--steps is 0"),
        ("--masks 8 --limit 0", "--limit is 0"),
        ("--masks 8 --dcc-masks 9", "--dcc-masks has 9"),
        ("--masks 8 --keep 2 --refine DIR", "--keep is 2"),
        ("--masks 8 --p-pix auto", "--p-pix auto"),
        ("--masks 8 --effect own", "--effect own"),
        (
            "--masks 18446744073709551615",
            "masks is 18446744073709551615",
        ),
    ] {
        let arguments = arguments.replace("DIR", &room.path(""));
        let all = format!("{evaluate} {arguments}");
        cases.push(Case::refused(
            format!("evaluate {arguments}"),
            &all,
            &[word],
        ));
    }
    for (arguments, word) in [
        ("explain", "--model"),
        ("explain --model demo --masks -1", "--masks"),
        ("explain --model demo --masks 1e3", "--masks"),
        (
            "explain --model demo --masks 99999999999999999999",
            "--masks",
        ),
        ("explain --model demo --grid 8y8", "--grid"),
        ("explain --model demo --grid", "--grid"),
        ("explain --model demo --p-pix half", "--p-pix"),
        ("explain --model demo --target -1", "--target"),
        ("explain --model demo --target 1,,2", "--target"),
        ("explain --model demo --target 3-", "--target"),
        ("explain --model demo --target -3-7", "--target"),
        ("explain --model demo --target 3-3", "different classes"),
        ("explain --model demo --target 0*3-7", "not 0"),
        ("explain --model demo --target 1e999*3-7", "weight inf"),
        ("explain --model demo --target 3-all", "--target"),
        ("explain --model demo --target next", "--target"),
        (
            "explain --model demo --target 3-99999999999999999999",
            "--target",
        ),
        ("merge no.racm --out x --target 3--7", "--target"),
        ("explain --model demo --quantity", "--quantity"),
        (
            "explain --model demo --target 99999999999999999999",
            "--target",
        ),
        ("explain --model demo --baseline blur", "--baseline"),
        ("explain --model demo --baseline 1,,2", "--baseline"),
        ("explain --model demo --link log:x", "--link"),
        ("explain --model demo --link log:0", "link's floor is 0"),
        (
            "explain --model demo --link logit:0.5",
            "link's clip is 0.5",
        ),
        ("explain --model demo --p-pix -inf", "'-i'"),
        ("explain --model demo --method magic", "--method"),
        ("explain --model demo --device cuda:-1", "--device"),
        ("explain --model demo --mean 1,x", "--mean"),
        ("explain --model demo --seed -1", "--seed"),
        ("explain --model demo --keep 0.5", "--refine"),
        ("explain --model demo --masks 5 --calls 6", "--calls"),
        ("explain --model demo --unheard", "--unheard"),
        ("evaluate --model demo", "--images"),
        ("evaluate --model demo --images x --masks 1,-2", "--masks"),
        ("evaluate --model demo --images x --masks ,", "--masks"),
        (
            "evaluate --model demo --images x --metrics beauty",
            "--metrics",
        ),
    ] {
        cases.push(Case::usage(arguments, word));
    }
    for arguments in [
        "--masks 16 --seed 18446744073709551615",
        "--calls 18446744073709551615 --seconds 0.05",
        "--masks 16 --batch 1000",
        "--masks 16 --batch 18446744073709551615",
        "--masks 16 --baseline -1e30",
        "--masks 16 --target 0,0",
    ] {
        let all = format!("{explain} {arguments}");
        cases.push(Case::either(arguments, &all, &[]));
    }
    // As many steps as there are elements.
    let steps = "--masks 8 --metrics insertion --steps 18446744073709551615";
    cases.push(Case::fine(steps, &format!("{evaluate} {steps}")));
    // One mask is too few for a map, and is kept.
    let one = Case::refused(
        "--masks 1",
        &format!("{explain} --masks 1"),
        &["at least 2 masks"],
    );
    cases.push(one.onto(room.0.join("one")));
    cases
}
