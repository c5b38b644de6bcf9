//! The integer products of x86-64: one instruction for four bytes where the CPU has VNNI, else 16-bit pairs.

use crate::int8_dot::{Dot, Line, Pass, run_chains, run_pass};
use std::arch::x86_64::*;

/// vpmaddwd on pairs of 16-bit numbers. (vpmaddubsw, which takes bytes, saturates at two products of 8-bit activations;
/// and with a vpmaddwd to add up its pairs it would need as many multiplications.)
pub struct Avx2;

/// vpdpbusd on 256 bits.
pub struct AvxVnni;

/// vpdpbusd on 512 bits.
pub struct Avx512Vnni;

/// The functions of `Dot` that are the same for all 256-bit vectors.
macro_rules! vector_256 {
    () => {
        type Vector = __m256i;
        const LANES: usize = 8;
        const GROUP: usize = 1;

        #[inline(always)]
        unsafe fn splat(word: i32) -> __m256i {
            // SAFETY: the caller's promise, here and below.
            unsafe { _mm256_set1_epi32(word) }
        }

        #[inline(always)]
        unsafe fn load(from: *const i32) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(vector: __m256i, to: *mut i32) {
            unsafe { _mm256_storeu_si256(to.cast(), vector) }
        }

        #[inline(always)]
        unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
            unsafe { _mm256_add_epi32(a, b) }
        }
    };
}

impl Dot for Avx2 {
    vector_256!();
    const WORDS: usize = 2;

    #[inline(always)]
    unsafe fn add_dot(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(left, right)) }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn widen(bytes: &[Line], words: &mut [Line]) {
        for (bytes, words) in bytes.iter().zip(words.chunks_exact_mut(2)) {
            for half in [0, 32] {
                // SAFETY: a line is two vectors long.
                unsafe {
                    let all = _mm256_load_si256(bytes.0.as_ptr().add(half).cast());
                    let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(all));
                    let odd = _mm256_srai_epi16::<8>(all);
                    _mm256_store_si256(words[0].0.as_mut_ptr().add(half).cast(), even);
                    _mm256_store_si256(words[1].0.as_mut_ptr().add(half).cast(), odd);
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn run(pass: &Pass, rows: usize, panels: usize) {
        // SAFETY: the caller's promise.
        unsafe { run_pass::<Self>(pass, rows, panels) }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn chains(steps: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { run_chains::<Self>(steps) }
    }
}

impl Dot for AvxVnni {
    vector_256!();
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn add_dot(sums: __m256i, left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_dpbusd_avx_epi32(sums, left, right) }
    }

    #[target_feature(enable = "avx2,avxvnni")]
    unsafe fn run(pass: &Pass, rows: usize, panels: usize) {
        // SAFETY: the caller's promise.
        unsafe { run_pass::<Self>(pass, rows, panels) }
    }

    #[target_feature(enable = "avx2,avxvnni")]
    unsafe fn chains(steps: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { run_chains::<Self>(steps) }
    }
}

impl Dot for Avx512Vnni {
    type Vector = __m512i;
    const LANES: usize = 16;
    const GROUP: usize = 4;
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn splat(word: i32) -> __m512i {
        // SAFETY: the caller's promise, here and below.
        unsafe { _mm512_set1_epi32(word) }
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(vector: __m512i, to: *mut i32) {
        unsafe { _mm512_storeu_si512(to.cast(), vector) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn add_dot(sums: __m512i, left: __m512i, right: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, left, right) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn run(pass: &Pass, rows: usize, panels: usize) {
        // SAFETY: the caller's promise.
        unsafe { run_pass::<Self>(pass, rows, panels) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn chains(steps: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { run_chains::<Self>(steps) }
    }
}
