//! The thread pool and the fixed blocks that work is cut into.

use crate::settings::setting;
use crate::team::Team;
use std::cell::RefCell;
use std::sync::OnceLock;

/// Elements a block of elementwise work: large against the cost of handing it out, small against the cache.
pub const BLOCK: usize = 16 * 1024;

/// The most threads that `SDQ_THREADS` may ask for.
const MOST_THREADS: usize = 1024;

/// The number of threads: `SDQ_THREADS`, or one a physical core that this process may use. The error says what to
/// change.
pub fn chosen_threads() -> Result<usize, String> {
    static COUNT: OnceLock<Result<usize, String>> = OnceLock::new();
    COUNT.get_or_init(choose).clone()
}

fn choose() -> Result<usize, String> {
    let Some(text) = setting("SDQ_THREADS") else {
        let usable = std::thread::available_parallelism().map_or(1, |n| n.get());
        return Ok(num_cpus::get_physical().min(usable).max(1));
    };
    match text.parse() {
        Ok(count @ 1..=MOST_THREADS) => Ok(count),
        _ => Err(format!(
            "SDQ_THREADS={text} is no number of threads: choose a whole number from 1 to {MOST_THREADS}, or unset it."
        )),
    }
}

/// The number of threads in use.
pub fn thread_count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    // An error was told by `info`, which is asked before all else.
    *COUNT.get_or_init(|| chosen_threads().unwrap_or(1))
}

fn team() -> &'static Team {
    static TEAM: OnceLock<&'static Team> = OnceLock::new();
    TEAM.get_or_init(|| Team::start(thread_count() - 1))
}

/// Runs `job` for each index below `count`, on several threads when there is more than one job.
pub fn for_each(count: usize, job: impl Fn(usize) + Sync) {
    if count <= 1 || thread_count() == 1 {
        (0..count).for_each(job);
    } else {
        team().run(count, &job);
    }
}

/// The results of `job` for each index below `count`, in order.
pub fn map<T: Send>(count: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let shared = Shared::new(&mut results);
    for_each(count, |index| {
        // SAFETY: each index is run once.
        let place = unsafe { shared.part(index..index + 1) };
        place[0] = Some(job(index));
    });
    results
        .into_iter()
        .map(|result| result.expect("every job ran"))
        .collect()
}

/// Runs `job` with `length` floats of the thread's own scratch memory, of any content. A job must not ask for
/// it again.
pub fn with_scratch(length: usize, job: impl FnOnce(&mut [f32])) {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < length {
            scratch.resize(length, 0.0);
        }
        job(&mut scratch[..length]);
    });
}

/// The half-open range of block `index` when `total` is cut into blocks of `size`.
pub fn block_range(index: usize, size: usize, total: usize) -> std::ops::Range<usize> {
    index * size..((index + 1) * size).min(total)
}

/// A slice that several jobs write disjoint parts of.
#[derive(Clone, Copy)]
pub struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    owner: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: the pointer stands for a `&mut [T]`, which may go to another thread; parts are taken by `unsafe` calls
// whose callers promise that they are disjoint.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Shared {
            start: slice.as_mut_ptr(),
            length: slice.len(),
            owner: std::marker::PhantomData,
        }
    }

    /// # Safety
    /// No other part taken at the same time may overlap `range`.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, range: std::ops::Range<usize>) -> &'a mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.length,
            "a block lies outside of its array"
        );
        // SAFETY: the range is inside the slice, and the caller promises that it is not taken twice.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// The address of element `index`, for kernels that write strided parts.
    pub fn address(&self, index: usize) -> *mut T {
        assert!(index <= self.length, "an address lies outside of its array");
        // SAFETY: the index is at most one past the end of the slice.
        unsafe { self.start.add(index) }
    }
}

/// Runs `job(range, block of out)` over `out` cut into blocks of `size`.
pub fn for_each_block<T: Send>(
    out: &mut [T],
    size: usize,
    job: impl Fn(std::ops::Range<usize>, &mut [T]) + Send + Sync,
) {
    let total = out.len();
    let shared = Shared::new(out);
    for_each(total.div_ceil(size), |index| {
        let range = block_range(index, size, total);
        // SAFETY: blocks of different indices do not overlap.
        job(range.clone(), unsafe { shared.part(range) });
    });
}

/// A Float32Array to write to. (napi takes a `&mut [f32]` argument only under another name.)
pub type Floats<'a> = &'a mut [f32];
