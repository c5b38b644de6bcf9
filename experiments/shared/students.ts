/** What the runs of students of teachers.ts have in common. */
export const students = {
  data: '../shared/data/xglue',
  teacher: 'runs/teachers/task-{task}_seed-0/teacher',
};

/** Runs of one teacher compute its signals once. */
export const teacherCache = { bytes: 4_000_000_000 };
