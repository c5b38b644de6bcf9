//! What this machine can do at most, measured: multiply-adds from registers in f32 and in 8-bit integers, and memory
//! traffic. All threads of the pool work at once, as the kernels' do.

use crate::cpu_path::{CpuPath, cpu_path};
use crate::int8::dot_chains;
use crate::threads::{BLOCK, for_each_block, map, thread_count};
use napi_derive::napi;
use std::hint::black_box;
use std::time::Instant;

/// Multiply-adds on each sum of a trial.
const STEPS: usize = 1 << 18;
/// Far more than the caches hold.
const STREAM_FLOATS: usize = 1 << 24;
const TRIALS: usize = 9;

#[napi(object)]
pub struct Peaks {
    /// 1e9 float operations a second; a multiply-add counts as two.
    pub f32_gflops: f64,
    /// 1e9 operations a second on 8-bit integers; a multiply-add counts as two.
    pub int8_gops: f64,
    /// 1e9 bytes a second, read and written together.
    pub memory_gigabytes: f64,
}

/// Sums that a trial adds to: enough to hide a multiply-add's latency, few enough to stay in 16 registers.
const CHAINS: usize = 12;

/// A function that multiplies and adds in vectors of one width, `steps` times on each of CHAINS sums, and returns the
/// sum of all. (Plain loops over arrays are compiled to scalar code here.)
#[cfg(target_arch = "x86_64")]
macro_rules! vector_chains {
    ($name:ident, $features:literal, $lanes:literal, $splat:ident, $fma:ident, $add:ident, $store:ident) => {
        /// # Safety
        /// The CPU has the instructions.
        #[target_feature(enable = $features)]
        unsafe fn $name(steps: usize) -> f32 {
            use std::arch::x86_64::*;
            let mut out = [0f32; $lanes];
            // A factor below one keeps the sums finite; the compiler must not know it.
            let (factor, term) = ($splat(black_box(0.9999)), $splat(black_box(1e-4)));
            let mut sums: [_; CHAINS] = std::array::from_fn(|i| $splat(i as f32));
            for _ in 0..steps {
                for sum in &mut sums {
                    *sum = $fma(*sum, factor, term);
                }
            }
            let all = sums.into_iter().fold($splat(0.0), |a, b| $add(a, b));
            // SAFETY: `out` holds a whole vector.
            unsafe { $store(out.as_mut_ptr(), all) };
            out.iter().sum()
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector_chains!(
    chains_512,
    "avx512f",
    16,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_storeu_ps
);
#[cfg(target_arch = "x86_64")]
vector_chains!(
    chains_256,
    "avx2,fma",
    8,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_storeu_ps
);

const PLAIN_LANES: usize = 4;

fn plain_chains(steps: usize) -> f32 {
    let (factor, term) = (black_box(0.9999f32), black_box(1e-4f32));
    let mut sums: [f32; PLAIN_LANES * CHAINS] = std::array::from_fn(|i| (i / PLAIN_LANES) as f32);
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = *sum * factor + term;
        }
    }
    sums.iter().sum()
}

/// What the chains of one path, which the CPU must have, sum up to, and the multiply-adds made.
fn chains_on(path: CpuPath, steps: usize) -> (f32, usize) {
    assert!(path.is_available(), "this CPU lacks the instructions of the path");
    match path {
        // SAFETY: the assertion above.
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx512 | CpuPath::Avx512Vnni => (unsafe { chains_512(steps) }, steps * CHAINS * 16),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx2 | CpuPath::AvxVnni => (unsafe { chains_256(steps) }, steps * CHAINS * 8),
        _ => (plain_chains(steps), steps * CHAINS * PLAIN_LANES),
    }
}

fn f32_trial(steps: usize) -> usize {
    let (sum, made) = chains_on(cpu_path().unwrap_or(CpuPath::Portable), steps);
    black_box(sum);
    made
}

/// The best rate of some trials, in 1e9 a second; `trial` gives what it did.
fn best_rate(trial: impl Fn() -> usize) -> f64 {
    (0..TRIALS)
        .map(|_| {
            let start = Instant::now();
            let done = trial();
            done as f64 / start.elapsed().as_secs_f64() / 1e9
        })
        .fold(0.0, f64::max)
}

/// Measures the peaks, for some tenths of a second.
#[napi(catch_unwind)]
pub fn peaks() -> Peaks {
    let on_all = |trial: &(dyn Fn(usize) -> usize + Sync)| {
        best_rate(|| 2 * map(thread_count(), |_| trial(STEPS)).into_iter().sum::<usize>())
    };
    let source = vec![1f32; STREAM_FLOATS];
    let mut target = vec![0f32; STREAM_FLOATS];
    let target = std::cell::RefCell::new(&mut target);
    Peaks {
        f32_gflops: on_all(&f32_trial),
        int8_gops: on_all(&dot_chains),
        memory_gigabytes: best_rate(|| {
            for_each_block(&mut target.borrow_mut(), BLOCK, |range, out| {
                out.copy_from_slice(&source[range]);
            });
            2 * size_of_val(&source[..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_does_on_every_path() {
        for path in [CpuPath::Avx512, CpuPath::Avx2, CpuPath::Portable] {
            if path.is_available() {
                let (sum, made) = chains_on(path, 200_000);
                // Every sum tends to 1e-4 / (1 - 0.9999) = 1, whatever it started from.
                let sums = (made / 200_000) as f32;
                assert!((sum / sums - 1.0).abs() < 1e-2, "{path:?}: {sum} of {sums}");
            }
        }
    }

    #[test]
    fn finds_rates() {
        let peaks = peaks();
        for rate in [peaks.f32_gflops, peaks.int8_gops, peaks.memory_gigabytes] {
            assert!(rate.is_finite() && rate > 0.0);
        }
    }
}
