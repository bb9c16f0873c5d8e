//! Metrics with a free model, 224 x 224 x 3: what they cost outside the model.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Array3, ArrayView4};
use racm::metrics::{Elements, InsertionDeletion, Ranking, ValueThreshold, gini, random_map};
use racm::{Baseline, FnModel};

fn metrics(c: &mut Criterion) {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 0, 100, 100]])
    });
    let image = Array3::from_shape_fn((3, 224, 224), |(c, y, x)| ((c + y + x) % 7) as f32 / 7.0);
    let map = random_map([3, 224, 224], 1);
    let mut group = c.benchmark_group("metrics");
    group.sample_size(10);
    // The limit of a curve: writing each of its 101 images once.
    let pixels = image.as_slice().expect("contiguous");
    let mut batch = vec![0.0f32; 101 * pixels.len()];
    group.bench_function("copying 101 images", |b| {
        b.iter(|| {
            batch
                .chunks_exact_mut(pixels.len())
                .for_each(|out| out.copy_from_slice(pixels));
            batch[0]
        });
    });
    group.bench_function("ranking", |b| {
        b.iter(|| Ranking::new(map.view(), Elements::PixelChannels).expect("finite"));
    });
    let curves = InsertionDeletion::pixel_channels().deletion_end(Baseline::default());
    group.bench_function("insertion and deletion", |b| {
        b.iter(|| {
            curves
                .curves(&model, image.view(), map.view(), 0)
                .expect("curves")
        });
    });
    group.bench_function("value threshold", |b| {
        let curves = ValueThreshold::new();
        b.iter(|| {
            curves
                .curves(&model, image.view(), map.view(), 0)
                .expect("curves")
        });
    });
    group.bench_function("gini", |b| b.iter(|| gini(map.view()).expect("finite")));
}

criterion_group!(benches, metrics);
criterion_main!(benches);
