//! How usual networks take their images.

use crate::models::preprocess::{Layout, Preprocess};
use crate::text::named;

/// How a usual kind of network takes an RGB image in \[0, 1\]: the layout, the order of the channels, scale, mean and
/// standard deviation. `Preprocess::from` makes of it what adapters apply.
///
/// ```
/// use racm::{Preprocess, Preset};
///
/// let preset: Preset = "-1-1".parse()?;
/// let image = ndarray::Array4::from_elem((1, 3, 1, 1), 0.75);
/// assert_eq!(Preprocess::from(preset).apply(image.view())?, ndarray::Array4::from_elem((1, 3, 1, 1), 0.5));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// Classifiers of torchvision and timm: less the mean of ImageNet, by its standard deviation.
    // torchvision.transforms._presets.ImageClassification.
    ImageNet,
    /// The image tower of CLIP and OpenCLIP, with statistics of its own.
    // `_transform` in clip/clip.py of openai/CLIP; OPENAI_DATASET_MEAN and _STD of open_clip.
    Clip,
    /// \[0, 1\] as it is.
    ZeroToOne,
    /// YOLO classifiers of Ultralytics (`yolo11n-cls`): \[0, 1\] as it is.
    // `classify_transforms` in ultralytics/data/augment.py: DEFAULT_MEAN is 0, DEFAULT_STD is 1.
    YoloCls,
    /// From -1 to 1.
    MinusOneToOne,
    /// From 0 to 255.
    ZeroTo255,
    /// Keras' MobileNet, MobileNetV2, Inception and Xception: from -1 to 1, channels last.
    // `preprocess_input` with the mode "tf" in keras/applications/imagenet_utils.py.
    KerasTf,
    /// Keras' VGG and ResNet: BGR from 0 to 255 less a mean, channels last.
    // The same with the mode "caffe".
    KerasCaffe,
}

named!(
    Preset,
    "preset",
    ImageNet = "imagenet",
    Clip = "clip",
    ZeroToOne = "0-1",
    YoloCls = "yolo-cls",
    MinusOneToOne = "-1-1",
    ZeroTo255 = "0-255",
    KerasTf = "keras-tf",
    KerasCaffe = "keras-caffe",
);

impl Preset {
    /// The order of the axes.
    pub const fn layout(self) -> Layout {
        match self {
            Preset::KerasTf | Preset::KerasCaffe => Layout::Nhwc,
            _ => Layout::Nchw,
        }
    }

    /// The channel of the image that each channel of the network is; empty where that is the same one.
    pub const fn channels(self) -> &'static [usize] {
        match self {
            Preset::KerasCaffe => &[2, 1, 0],
            _ => &[],
        }
    }

    /// The factor; empty where it is 1.
    pub const fn scale(self) -> &'static [f32] {
        match self {
            Preset::ZeroTo255 | Preset::KerasCaffe => &[255.0],
            _ => &[],
        }
    }

    /// The mean, a value a channel of the network or one for all; empty where it is 0.
    pub const fn mean(self) -> &'static [f32] {
        match self {
            Preset::ImageNet => &[0.485, 0.456, 0.406],
            Preset::Clip => &[0.481_454_66, 0.457_827_5, 0.408_210_73],
            Preset::MinusOneToOne | Preset::KerasTf => &[0.5],
            Preset::KerasCaffe => &[103.939, 116.779, 123.68],
            _ => &[],
        }
    }

    /// The standard deviation, a value a channel of the network or one for all; empty where it is 1.
    pub const fn std(self) -> &'static [f32] {
        match self {
            Preset::ImageNet => &[0.229, 0.224, 0.225],
            Preset::Clip => &[0.268_629_54, 0.261_302_6, 0.275_777_1],
            Preset::MinusOneToOne | Preset::KerasTf => &[0.5],
            _ => &[],
        }
    }
}

impl From<Preset> for Preprocess {
    fn from(preset: Preset) -> Self {
        Preprocess {
            layout: preset.layout(),
            order: preset.channels().to_vec(),
            scale: preset.scale().to_vec(),
            mean: preset.mean().to_vec(),
            std: preset.std().to_vec(),
        }
    }
}
