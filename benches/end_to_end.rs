//! A whole explanation with a free model: 96 x 96 x 3, N = 1000, the centred map included.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Array3, ArrayView4};
use racm::{Estimator, Explainer, FnModel};

fn end_to_end(c: &mut Criterion) {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 0, 50, 50]])
    });
    let image = Array3::<f32>::ones((3, 96, 96));
    let mut group = c.benchmark_group("end to end");
    group.sample_size(20).throughput(Throughput::Elements(1000));
    for batch in [1, 32, 256] {
        let builder = Explainer::builder().masks(1000).batch(batch);
        let builder = builder.estimator(Estimator::Centred);
        let explainer = builder.build().expect("valid");
        group.bench_function(format!("batches of {batch}"), |b| {
            b.iter(|| explainer.explain(&model, &image, 0).expect("a map"));
        });
        group.bench_function(format!("batches of {batch}, parallel calls"), |b| {
            b.iter(|| {
                explainer
                    .run(&model, &image, 0)
                    .parallel()
                    .explain()
                    .expect("a map")
            });
        });
    }
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
