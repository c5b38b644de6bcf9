export { type AnalysisOptions, type AnalyzedRun, analyze, runToAnalyze } from './analyze.ts';
export {
  type BudgetOptions,
  type BudgetPlan,
  type BudgetSite,
  budgetTable,
  planForBudget,
} from './budget-plan.ts';
export { type FineTuned, type FineTunedOptions, loadFineTuned } from './fine-tuned.ts';
