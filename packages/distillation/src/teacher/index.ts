export { CachedTeacher } from './cached-teacher.ts';
export { disposeTaps, keptTaps, TapCollector, teacherSignal } from './teacher-signal.ts';
