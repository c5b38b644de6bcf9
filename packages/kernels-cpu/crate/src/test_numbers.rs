//! The operands of the kernels' tests.

/// Numbers from -1 to 1 without a pattern that a kernel could hide behind, the same in each run.
pub fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 104_729) % 1999) as f32 / 999.5 - 1.0)
        .collect()
}
