/** What is needed only for programs that are rejected: loaded with the first of them. */
export { applySourceFixes, explain, fixesFor } from 'beeyard/verify';
