//! Masked images against their limit: copying the image into the batch.
//!
//! 224 x 224 x 3, 8 x 8 cells, shifted, B = 32, batches of 32, one thread. Rates are bytes of
//! masked image a second; the ratio to `copy` is the figure to look at.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array3;
use racm::{Baseline, Enlargement, MaskFamily, MaskSpec, Masker, McRise, Plan, Racm, Rise};

const SHAPE: [usize; 3] = [3, 224, 224];
const BATCH: usize = 32;

/// Makes the masks of a family.
type Spec = Box<dyn Fn() -> MaskSpec>;

fn image() -> Array3<f32> {
    Array3::from_shape_fn(SHAPE, |(c, y, x)| {
        ((c * 7 + y * 3 + x) % 256) as f32 / 255.0
    })
}

fn rendering(c: &mut Criterion) {
    let image = image();
    let mut batch = vec![0.0f32; BATCH * image.len()];
    let mut group = c.benchmark_group("rendering");
    group.throughput(Throughput::Bytes(4 * batch.len() as u64));
    group.bench_function("copy", |b| {
        let image = image.as_slice().unwrap();
        b.iter(|| {
            for out in batch.chunks_exact_mut(image.len()) {
                out.copy_from_slice(image);
            }
            batch[0]
        });
    });
    let single = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let soft = Enlargement::Bilinear;
    let hard = Enlargement::Nearest;
    let grey = Baseline::Constant(0.5);
    let black = Baseline::default();
    let cases: [(&str, Spec, Enlargement, &Baseline); 6] = [
        ("racm soft", spec(Racm), soft, &black),
        ("racm hard", spec(Racm), hard, &black),
        ("racm soft, grey baseline", spec(Racm), soft, &grey),
        ("rise soft", spec(Rise), soft, &black),
        ("mc-rise soft", spec(McRise::rgb()), soft, &black),
        ("mc-rise hard", spec(McRise::rgb()), hard, &black),
    ];
    for (name, spec, enlargement, baseline) in cases {
        let spec = spec().enlargement(enlargement);
        let plan = Plan::new(SHAPE, &spec).unwrap();
        let renderer = Masker::new(&plan, &image, baseline).unwrap();
        let mut first = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                first += BATCH as u64;
                single.install(|| renderer.fill(0, first, &mut batch).unwrap());
            });
        });
    }
}

fn spec(family: impl MaskFamily + Clone + 'static) -> Spec {
    Box::new(move || MaskSpec::new(family.clone()))
}

criterion_group!(benches, rendering);
criterion_main!(benches);
