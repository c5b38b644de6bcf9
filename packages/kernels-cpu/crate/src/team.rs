//! A team of threads that work on one job at a time together with the thread that brings it.
//!
//! A forward pass is hundreds of jobs of some microseconds each, one after the other. Helpers therefore stay awake for
//! a while after a job, and the caller works as well instead of sleeping: handing out a job to awake helpers costs
//! less than a microsecond, where waking a sleeping thread costs tens of them.

use std::any::Any;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long a helper looks for its next job before it sleeps: longer than JavaScript takes between two kernels.
const AWAKE: Duration = Duration::from_micros(200);

/// Looks between two readings of the clock, or two offers to let other threads run.
const LOOKS: u32 = 64;

/// In `word`: the job is open to helpers.
const OPEN: u64 = 1 << 31;
/// In `word`: a job's number counts in steps of this; below OPEN are the helpers at work on it.
const NUMBER: u64 = 1 << 32;

/// What the helpers run: a function of the job's indices, whose lifetime `run` vouches for.
type Job = *const (dyn Fn(usize) + Sync);

/// Helpers that wait for jobs.
pub struct Team {
    helpers: usize,
    /// Whether a caller has the team.
    busy: AtomicBool,
    /// The number of the job, whether it is open, and how many helpers work on it.
    word: AtomicU64,
    /// The job of that number: written before it opens, read by helpers that are counted in `word`.
    job: Mutex<Option<SharedJob>>,
    next: AtomicUsize,
    count: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    asleep: Mutex<()>,
    wake: Condvar,
}

#[derive(Clone, Copy)]
struct SharedJob(Job);

// SAFETY: the function is `Sync`, and `run` keeps it alive until no helper uses it.
unsafe impl Send for SharedJob {}

impl Team {
    /// A team of `helpers` threads, which live as long as the process.
    pub fn start(helpers: usize) -> &'static Team {
        let team: &'static Team = Box::leak(Box::new(Team {
            helpers,
            busy: AtomicBool::new(false),
            word: AtomicU64::new(0),
            job: Mutex::new(None),
            next: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        }));
        for helper in 0..helpers {
            std::thread::Builder::new()
                .name(format!("sdq-{helper}"))
                .spawn(|| team.help())
                .expect("the threads of the kernels start");
        }
        team
    }

    /// Runs `job` for each index below `count`, and returns when all are done. Where the team is at work for somebody
    /// else (another caller, or the job that this call is part of), the calling thread does all by itself.
    ///
    /// A panic of a job goes on in the caller.
    pub fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        if count <= 1 || self.helpers == 0 || self.busy.swap(true, SeqCst) {
            return (0..count).for_each(job);
        }
        // SAFETY: only the lifetime changes. Helpers use the job while they are counted in `word` alone, and this
        // function does not return before the job is closed and the count is zero.
        let shared = SharedJob(unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), Job>(job) });
        *self.job.lock().expect("nothing panics under this lock") = Some(shared);
        self.next.store(0, SeqCst);
        self.count.store(count, SeqCst);
        let number = (self.word.load(SeqCst) / NUMBER).wrapping_add(1);
        self.word.store(number.wrapping_mul(NUMBER) | OPEN, SeqCst);
        if self.sleepers.load(SeqCst) > 0 {
            let _held = self.asleep.lock().expect("nothing panics under this lock");
            self.wake.notify_all();
        }
        self.work(job);
        self.word.fetch_and(!OPEN, SeqCst);
        let mut looks = 0u32;
        while self.word.load(SeqCst) & (OPEN - 1) != 0 {
            looks += 1;
            if looks.is_multiple_of(LOOKS) {
                // The helper may be waiting for this very core.
                std::thread::yield_now();
            }
            spin_loop();
        }
        let panic = self.panic.lock().expect("nothing panics under this lock").take();
        self.busy.store(false, SeqCst);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Takes indices until none is left.
    fn work(&self, job: &(dyn Fn(usize) + Sync)) {
        let count = self.count.load(SeqCst);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let index = self.next.fetch_add(1, SeqCst);
                if index >= count {
                    break;
                }
                job(index);
            }
        }));
        if let Err(panic) = outcome {
            self.next.store(count, SeqCst);
            *self.panic.lock().expect("nothing panics under this lock") = Some(panic);
        }
    }

    fn help(&self) {
        let mut seen = 0;
        loop {
            let word = self.wait_after(seen);
            // Joins the job, unless it closes meanwhile.
            if word & OPEN == 0
                || self
                    .word
                    .compare_exchange(word, word + 1, SeqCst, SeqCst)
                    .is_err()
            {
                continue;
            }
            seen = word / NUMBER;
            let job = self
                .job
                .lock()
                .expect("nothing panics under this lock")
                .expect("an open job is there");
            // SAFETY: this helper is counted, so that `run`, which keeps the job alive, has not returned.
            self.work(unsafe { &*job.0 });
            self.word.fetch_sub(1, SeqCst);
        }
    }

    /// The word of an open job other than number `seen`; sleeps when there is none for a while.
    fn wait_after(&self, seen: u64) -> u64 {
        let is_new = |word: u64| word & OPEN > 0 && word / NUMBER != seen;
        let started = Instant::now();
        let mut looks = 0u32;
        loop {
            let word = self.word.load(SeqCst);
            if is_new(word) {
                return word;
            }
            looks += 1;
            if looks.is_multiple_of(LOOKS) && started.elapsed() > AWAKE {
                break;
            }
            spin_loop();
        }
        self.sleepers.fetch_add(1, SeqCst);
        let mut held = self.asleep.lock().expect("nothing panics under this lock");
        let word = loop {
            let word = self.word.load(SeqCst);
            if is_new(word) {
                break word;
            }
            held = self.wake.wait(held).expect("nothing panics under this lock");
        };
        drop(held);
        self.sleepers.fetch_sub(1, SeqCst);
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(team: &Team, count: usize) -> Vec<usize> {
        let seen: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        team.run(count, &|index| {
            seen[index].fetch_add(1, SeqCst);
        });
        seen.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn runs_each_index_once_with_any_number_of_helpers() {
        for helpers in [0, 1, 3, 7] {
            let team = Team::start(helpers);
            for count in [0, 1, 2, 3, 8, 100] {
                assert_eq!(counts(team, count), vec![1; count], "{helpers} helpers");
            }
            for round in 0..20_000 {
                assert_eq!(counts(team, 5), [1; 5], "round {round} of {helpers} helpers");
            }
        }
    }

    #[test]
    fn wakes_helpers_that_sleep() {
        let team = Team::start(1);
        for _ in 0..20 {
            std::thread::sleep(3 * AWAKE);
            // Each of the two indices waits for the other: one thread alone would never end.
            let arrived = AtomicUsize::new(0);
            team.run(2, &|_| {
                arrived.fetch_add(1, SeqCst);
                while arrived.load(SeqCst) < 2 {
                    std::thread::yield_now();
                }
            });
        }
    }

    #[test]
    fn jobs_within_jobs_and_of_other_callers_run_to_their_end() {
        let team = Team::start(2);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let sum = AtomicUsize::new(0);
                        team.run(4, &|outer| {
                            team.run(4, &|inner| {
                                sum.fetch_add(4 * outer + inner, SeqCst);
                            });
                        });
                        assert_eq!(sum.into_inner(), 120);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::start(2);
        for _ in 0..50 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.run(10, &|index| assert!(index != 7, "seven"));
            }));
            assert_eq!(result.unwrap_err().downcast_ref::<&str>(), Some(&"seven"));
            assert_eq!(counts(team, 10), [1; 10]);
        }
    }
}
