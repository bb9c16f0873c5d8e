//! Class activation maps: weighted sums of a layer's activations.

mod masked;
mod slopes;

use ndarray::{Array1, Array2, ArrayRef3, ArrayView2, ArrayView3, Axis, Zip};

use crate::error::{BoxError, Error, Inputs, Result};
use crate::explain::target::Target;
use crate::masks::grid::{Corners, enlarge_bilinear};
use crate::text::named;
use crate::white_box::model::{Calls, WhiteBoxModel};
use crate::white_box::refine::SaliencyMethod;

/// How the channels of a layer are weighted: `map = U ReLU(sum_k weight_k A_k)`, with A the activations `[K, h, w]` and
/// U bilinear enlargement. No method scales its map.
///
/// `S` is the score of the class, `head` what the model does after the layer, and a head call is one input through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CamMethod {
    /// The weights of the last linear layer: `weight_k = S(A with channel k everywhere 1 and all others 0) - S(0)`.
    ///
    /// *Requires* a head of global average pooling and a linear layer, which is checked, so scores before the softmax.
    /// *Costs* 1 image and K + 3 head calls. No ReLU: the map is signed.
    /// *Source:* B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, *Learning Deep Features for Discriminative
    /// Localization*, CVPR 2016.
    Cam,
    /// The mean gradient: `weight_k = 1/(h w) sum_ij dS/dA_kij`.
    ///
    /// *Requires* nothing of the head but that it is differentiable almost everywhere. *Costs* 1 image and 2 K + 1 head
    /// calls (1 with a [gradient](WhiteBoxModel::gradient)): the sum of the derivatives is the derivative of S when the
    /// whole channel is raised, so one central difference a channel is enough; see [`Cam::step`].
    /// *Source:* R. R. Selvaraju et al., *Grad-CAM*, ICCV 2017, Eq. 1 and 2.
    #[default]
    GradCam,
    /// `weight_k = sum_ij alpha_kij ReLU(g_kij)` with `alpha = g^2 / (2 g^2 + g^3 sum_ab A_kab)` and g = dS/dA.
    ///
    /// *Requires* the gradient of each element. The paper's alpha holds second and third derivatives of exp(S); they are
    /// the powers of g where S is piecewise linear in A, and an approximation elsewhere, with which all implementations
    /// live. A millionth is added to the denominator, as in pytorch-grad-cam, so that it never is 0; gradients below about
    /// 0.001 so count less. *Costs* 1 image and 2 K + 17 head calls where the head only sees the means of the channels
    /// (which 8 random changes that leave the means alone find out), 2 K h w + 17 otherwise (2 K + 1 for a layer of one
    /// pixel), 1 with a gradient.
    /// *Source:* A. Chattopadhyay, A. Sarkar, P. Howlader, V. N. Balasubramanian, *Grad-CAM++*, WACV 2018, Eq. 5 and 19.
    GradCamPlusPlus,
    /// `weight = softmax_k S(image * n(U A_k))`, n from a map's range to [0, 1].
    ///
    /// *Requires* no gradient. *Costs* K + 1 images and head calls. The paper leaves open where the corners of A_k come
    /// to lie on the image: here on its outermost pixels, as in pytorch-grad-cam.
    /// *Source:* H. Wang et al., *Score-CAM*, CVPR Workshops 2020, Eq. 8 and Algorithm 1.
    ScoreCam,
    /// `weight_k = (S - S(A without channel k)) / |S|`.
    ///
    /// *Requires* no gradient. *Costs* 1 image and K + 1 head calls. The paper divides by S, which for a negative score
    /// would turn the map round.
    /// *Source:* S. Desai, H. G. Ramaswamy, *Ablation-CAM*, WACV 2020, Eq. 3.
    AblationCam,
    /// `map = ReLU(sum_g weight_g n(U d(M_g)))`: Grad-CAM's maps `M_g` of [groups](Cam::groups) of adjacent channels, d
    /// drops what is below a map's 70th percentile, n takes the range to [0, 1], and
    /// `weight_g = S(image * n + blurred image * (1 - n)) - S(blurred image)`.
    ///
    /// *Requires* what Grad-CAM does. *Costs* groups + 2 images, 2 K + groups + 2 head calls. Blur: a Gaussian of 50
    /// pixels, at most a quarter of the shorter side. The authors' code takes the gradient of the logit and weighs by
    /// probabilities; here both are S.
    /// *Source:* Q. Zhang, L. Rao, Y. Yang, *Group-CAM*, 2021, Eq. 2 to 6.
    GroupCam,
}

named!(
    CamMethod,
    "CAM method",
    Cam = "cam",
    GradCam = "grad-cam",
    GradCamPlusPlus = "grad-cam-pp",
    ScoreCam = "score-cam",
    AblationCam = "ablation-cam",
    GroupCam = "group-cam",
);

/// A class activation map of one layer, from two functions of the model ([`WhiteBoxModel`]) and no gradients.
///
/// Quick advice: take [`CamMethod::GradCam`], the last layer with a height and a width, and scores *before* the softmax.
///
/// [`Cam::of`] makes a [`SaliencyMethod`] of it, for [`Explainer::refine`](crate::Explainer::refine).
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Cam {
    method: CamMethod,
    step: f64,
    groups: usize,
    batch: Option<usize>,
}

/// What a [`Cam`] found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CamMap {
    /// The map `[H, W]`, enlarged and not scaled. At least 0, but for [`CamMethod::Cam`].
    pub map: Array2<f32>,
    /// The map before it was enlarged, `[h, w]`; of Group-CAM, whose masks are enlarged first, the map itself.
    pub small_map: Array2<f32>,
    /// The weight of each channel `[K]`; of Group-CAM, of each group.
    pub weights: Array1<f32>,
    /// The class that was explained.
    pub class: usize,
    /// Its score on the image.
    pub score: f32,
    /// Images that went through the model up to the layer.
    pub image_calls: u64,
    /// Activations that went through the head.
    pub head_calls: u64,
}

impl CamMap {
    /// Whether the map is the same everywhere, and so ranks no pixel: the layer is silent, or every weight is
    /// negative.
    pub fn is_flat(&self) -> bool {
        let first = self.map.first();
        self.map.iter().all(|v| Some(v) == first)
    }
}

impl Default for Cam {
    fn default() -> Self {
        Cam::new(CamMethod::default())
    }
}

impl Cam {
    /// A method with its usual settings.
    pub fn new(method: CamMethod) -> Self {
        Cam {
            method,
            step: 0.01,
            groups: 32,
            batch: None,
        }
    }

    /// The method.
    pub fn method(&self) -> CamMethod {
        self.method
    }

    /// The step of the finite differences, in units of the largest absolute activation; 0.01 by default.
    ///
    /// With a step t a central difference is off by `t^2/6` of the third derivative, and by the rounding of the score
    /// over t. Where the head is piecewise linear (pooling, linear layers and ReLU) the first is 0, but for channels
    /// whose step crosses a kink: there it is the mean slope over the step. Scores in f32 leave 1e-3 of the largest
    /// weight or less with the default.
    pub fn step(mut self, step: f64) -> Self {
        self.step = step;
        self
    }

    /// The number of groups of Group-CAM; 32 by default, and one a channel at most.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Inputs a call of the model or of its head. By default what fits into 8 MiB, 256 at most.
    pub fn batch(mut self, inputs: usize) -> Self {
        self.batch = Some(inputs);
        self
    }

    /// The map of one class for an image `[C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a setting outside its range, several classes, or a head that
    /// [`CamMethod::Cam`] cannot explain; [`Error::EmptyImage`], [`Error::NotFinite`]; [`Error::Target`];
    /// [`Error::Model`], [`Error::ScoreShape`], [`Error::ScoreNotFinite`] and [`Error::Shape`] for what the model does.
    pub fn explain<M: WhiteBoxModel + ?Sized>(
        &self,
        model: &M,
        image: &ArrayRef3<f32>,
        target: impl Into<Target>,
    ) -> Result<CamMap> {
        self.check(image)?;
        let mut calls = Calls::new(model, self.batch)?;
        let image = image.as_standard_layout();
        let batch = image.view().insert_axis(Axis(0));
        let features = calls.features(batch, Inputs::Unmasked)?;
        let scores = calls.head(features.view(), Inputs::Unmasked)?;
        let scores: Vec<f32> = scores.iter().copied().collect();
        let class = target.into().resolve_one(&scores, "one class")?;
        let features = features.index_axis(Axis(0), 0);
        let score = scores[class];
        let subject = Subject {
            image: image.view(),
            features,
            class,
            score: f64::from(score),
        };
        let (_, height, width) = image.dim();
        let (weights, small) = match self.method {
            CamMethod::GroupCam => self.group_cam(&mut calls, &subject)?,
            method => {
                let weights = match method {
                    CamMethod::Cam => subject.linear_weights(&mut calls)?,
                    CamMethod::GradCam => self.mean_gradient(&mut calls, &subject)?,
                    CamMethod::GradCamPlusPlus => self.plus_plus(&mut calls, &subject)?,
                    CamMethod::ScoreCam => subject.score_weights(&mut calls)?,
                    _ => subject.ablation_weights(&mut calls)?,
                };
                let mut small = subject.weighted(&weights);
                if method != CamMethod::Cam {
                    small.mapv_inplace(|v| v.max(0.0));
                }
                (weights, small)
            }
        };
        let map = match small.dim() == (height, width) {
            true => small.clone(),
            false => enlarge_bilinear(small.view(), [height, width], Corners::Inside),
        };
        Ok(CamMap {
            map: map.mapv(|v| v as f32),
            small_map: small.mapv(|v| v as f32),
            weights: weights.mapv(|v| v as f32),
            class,
            score,
            image_calls: calls.images,
            head_calls: calls.heads,
        })
    }

    /// The method with its model, as a [`SaliencyMethod`]. A map that is the same everywhere ranks no pixel and is an
    /// error.
    pub fn of<'a, M: WhiteBoxModel + ?Sized>(&'a self, model: &'a M) -> CamOf<'a, M> {
        CamOf { cam: self, model }
    }

    fn check(&self, image: &ArrayRef3<f32>) -> Result<()> {
        if !(1e-5..=1.0).contains(&self.step) {
            let expected = "a number from 0.00001 (below which f32 loses it) to 1";
            return Err(Error::parameter("step", self.step, expected));
        }
        if self.groups == 0 {
            return Err(Error::parameter("groups", 0, "at least 1"));
        }
        let (c, h, w) = image.dim();
        if c * h * w == 0 {
            return Err(Error::EmptyImage { shape: [c, h, w] });
        }
        crate::images::baseline::check_finite("the image", image)
    }
}

/// A [`Cam`] with its model, from [`Cam::of`].
#[derive(Debug)]
pub struct CamOf<'a, M: ?Sized> {
    cam: &'a Cam,
    model: &'a M,
}

impl<M: WhiteBoxModel + ?Sized> SaliencyMethod for CamOf<'_, M> {
    fn saliency(&self, image: ArrayView3<'_, f32>, target: usize) -> Result<Array2<f32>, BoxError> {
        let found = self.cam.explain(self.model, &image, target)?;
        if found.is_flat() {
            let name = self.cam.method;
            return Err(
                format!("the map of {name} is the same everywhere and ranks no pixel").into(),
            );
        }
        Ok(found.map)
    }
}

/// One class of one image at one layer.
struct Subject<'a> {
    image: ArrayView3<'a, f32>,
    /// A, `[K, h, w]`.
    features: ArrayView3<'a, f32>,
    class: usize,
    score: f64,
}

impl Subject<'_> {
    fn channels(&self) -> usize {
        self.features.dim().0
    }

    /// h w.
    fn pixels(&self) -> usize {
        self.features.dim().1 * self.features.dim().2
    }

    /// `sum_k weight_k A_k`.
    fn weighted(&self, weights: &Array1<f64>) -> Array2<f64> {
        let (_, h, w) = self.features.dim();
        let mut sum = Array2::zeros((h, w));
        for (plane, &weight) in self.features.outer_iter().zip(weights) {
            Zip::from(&mut sum)
                .and(&plane)
                .for_each(|s, &a| *s += weight * f64::from(a));
        }
        sum
    }

    /// `(S - S(A without channel k)) / |S|`.
    fn ablation_weights<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
    ) -> Result<Array1<f64>> {
        let pixels = self.pixels();
        let without = |k: usize, copy: &mut [f32]| copy[k * pixels..(k + 1) * pixels].fill(0.0);
        let scores = calls.altered(self.features, self.class, self.channels(), without)?;
        // A score of exactly 0 leaves the differences as they are.
        let unit = if self.score == 0.0 {
            1.0
        } else {
            self.score.abs()
        };
        Ok(scores
            .into_iter()
            .map(|s| (self.score - s) / unit)
            .collect())
    }

    /// The linear layer behind global average pooling, if that is what the head is.
    fn linear_weights<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
    ) -> Result<Array1<f64>> {
        let (channels, pixels) = (self.channels(), self.pixels());
        // All channels 0; each channel 1 alone; the activations doubled.
        let alter = |i: usize, copy: &mut [f32]| {
            if i == channels + 1 {
                return copy.iter_mut().for_each(|v| *v *= 2.0);
            }
            copy.fill(0.0);
            if i > 0 {
                copy[(i - 1) * pixels..i * pixels].fill(1.0);
            }
        };
        let scores = calls.altered(self.features, self.class, channels + 2, alter)?;
        let weights: Array1<f64> = scores[1..=channels].iter().map(|s| s - scores[0]).collect();
        let mean = |plane: ArrayView2<'_, f32>| {
            plane.iter().map(|&a| f64::from(a)).sum::<f64>() / pixels as f64
        };
        let terms = self
            .features
            .outer_iter()
            .zip(&weights)
            .map(|(plane, w)| w * mean(plane));
        let (mut predicted, mut scale) = (0.0, scores[0].abs().max(1e-6));
        for term in terms {
            predicted += term;
            scale += term.abs();
        }
        for (times, score) in [(1.0, self.score), (2.0, scores[channels + 1])] {
            let linear = scores[0] + times * predicted;
            if (linear - score).abs() > 1e-3 * scale {
                return Err(Error::parameter(
                    "method",
                    format!(
                        "cam, for a head whose score is {score} where pooling and a linear layer would give {linear}"
                    ),
                    "a head of global average pooling and one linear layer, without a softmax (grad-cam takes any head)",
                ));
            }
        }
        Ok(weights)
    }
}
