//! Maps and standard errors from a ledger: 224 x 224 x 3, 8 x 8 cells, shifted, N = 1000.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Array3, ArrayView4};
use racm::{Estimator, Explainer, FnModel, Placement};

fn map(c: &mut Criterion) {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            batch[[n, 0, 100, 100]] * batch[[n, 1, 90, 110]]
        })
    });
    let image = Array3::<f32>::ones((3, 224, 224));
    let mut group = c.benchmark_group("map");
    group.sample_size(10);
    for (name, placement) in [("shifted", Placement::Shifted), ("fixed", Placement::Fixed)] {
        let builder = Explainer::builder().masks(1000).placement(placement);
        let explainer = builder.build().expect("valid");
        let plan = explainer.plan([3, 224, 224]).expect("a plan");
        let ledger = explainer.run(&model, &image, 0).score().expect("scores");
        for estimator in [
            Estimator::Centred,
            Estimator::SelfNormalised,
            Estimator::Surrogate,
        ] {
            group.bench_function(format!("{} {name}", estimator.name()), |b| {
                b.iter(|| estimator.maps(&plan, &ledger).expect("a map"));
            });
        }
        group.bench_function(format!("standard error {name}"), |b| {
            b.iter(|| {
                Estimator::Centred
                    .standard_errors(&plan, &ledger)
                    .expect("errors")
            });
        });
    }
}

criterion_group!(benches, map);
criterion_main!(benches);
