//! AdamW with decoupled weight decay (Loshchilov and Hutter 2019), in place; the arithmetic of PyTorch.

use crate::threads::Floats;
use crate::threads::{BLOCK, Shared, block_range, for_each};
use napi_derive::napi;

/// What is the same for all parameters of a step.
#[napi(object)]
#[derive(Clone, Copy)]
pub struct AdamStep {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Multiplies each gradient first.
    pub gradient_scale: f64,
    /// From 1.
    pub step: u32,
}

#[derive(Clone, Copy)]
struct Constants {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    epsilon: f32,
    gradient_scale: f32,
    step_size: f32,
    root_correction: f32,
    keep: f32,
}

impl Constants {
    fn new(step: AdamStep, weight_decay: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powi(step.step as i32);
        Constants {
            beta1: step.beta1 as f32,
            rest1: (1.0 - step.beta1) as f32,
            beta2: step.beta2 as f32,
            rest2: (1.0 - step.beta2) as f32,
            epsilon: step.epsilon as f32,
            gradient_scale: step.gradient_scale as f32,
            step_size: (step.learning_rate / correction(step.beta1)) as f32,
            root_correction: correction(step.beta2).sqrt() as f32,
            keep: (1.0 - step.learning_rate * weight_decay) as f32,
        }
    }
}

#[inline(always)]
fn update_body<const FMA: bool>(c: Constants, gradient: &[f32], x: &mut [f32], m: &mut [f32], v: &mut [f32]) {
    for (((x, m), v), &gradient) in x.iter_mut().zip(m.iter_mut()).zip(v.iter_mut()).zip(gradient) {
        // Without fused operations, so that every path and thread count gives the same weights.
        let g = gradient * c.gradient_scale;
        *m = c.beta1 * *m + c.rest1 * g;
        *v = c.beta2 * *v + c.rest2 * (g * g);
        *x = *x * c.keep - c.step_size * (*m / (v.sqrt() / c.root_correction + c.epsilon));
    }
}

per_path! {
    fn update(c: Constants, gradient: &[f32], x: &mut [f32], m: &mut [f32], v: &mut [f32]) = update_body
}

/// Updates all parameters and their moments; the lists are parallel.
#[napi(catch_unwind, js_name = "adamW")]
pub fn adam_w(
    parameters: Vec<Floats>,
    gradients: Vec<&[f32]>,
    means: Vec<Floats>,
    squares: Vec<Floats>,
    weight_decays: Vec<f64>,
    step: AdamStep,
) {
    let count = parameters.len();
    assert!(
        gradients.len() == count
            && means.len() == count
            && squares.len() == count
            && weight_decays.len() == count,
        "the lists are not of one length"
    );
    let mut blocks = Vec::new();
    let mut parts = Vec::with_capacity(count);
    let moments = means.into_iter().zip(squares);
    for (index, ((x, g), (m, v))) in parameters.into_iter().zip(gradients).zip(moments).enumerate() {
        assert!(
            g.len() == x.len() && m.len() == x.len() && v.len() == x.len(),
            "a gradient is not of its length"
        );
        blocks.extend((0..x.len().div_ceil(BLOCK)).map(|block| (index, block)));
        let constants = Constants::new(step, weight_decays[index]);
        parts.push((constants, g, Shared::new(x), Shared::new(m), Shared::new(v)));
    }
    for_each(blocks.len(), |job| {
        let (index, block) = blocks[job];
        let (constants, gradient, x, m, v) = &parts[index];
        let range = block_range(block, BLOCK, gradient.len());
        // SAFETY: blocks do not overlap, and the parameters are distinct arrays.
        let (x, m, v) = unsafe {
            (
                x.part(range.clone()),
                m.part(range.clone()),
                v.part(range.clone()),
            )
        };
        update(*constants, &gradient[range], x, m, v);
    });
}

/// Updates the rows `rows` of `table` [.., width], which must differ; row i's moments are row slots[i] of `means`
/// and `squares`.
#[napi(catch_unwind, js_name = "adamWRows")]
pub fn adam_w_rows(
    table: Floats,
    rows: &[i32],
    slots: &[i32],
    gradients: &[f32],
    means: Floats,
    squares: Floats,
    width: u32,
    weight_decay: f64,
    step: AdamStep,
) {
    let width = width as usize;
    assert!(
        slots.len() == rows.len() && gradients.len() == rows.len() * width,
        "the rows do not fit together"
    );
    let constants = Constants::new(step, weight_decay);
    for ((gradient, &row), &slot) in gradients.chunks_exact(width.max(1)).zip(rows).zip(slots) {
        let (row, slot) = (row as usize * width, slot as usize * width);
        let (m, v) = (&mut means[slot..slot + width], &mut squares[slot..slot + width]);
        update(constants, gradient, &mut table[row..row + width], m, v);
    }
}
