export { parseBtfFile, parseObject } from './parse.ts';
export type { CoreCandidate, CoreDecision } from './core.ts';
export { essentialName } from './core-names.ts';
export type { MapRelocation, RelocatedProgram, RelocationOptions } from './relocate.ts';
export { coreDecisions, relocateProgram } from './relocate.ts';
export type { SectionFlag, SectionForm, SectionMeaning } from './sections.ts';
export { SECTION_FORMS, sectionMeaning } from './sections.ts';
export * from './types.ts';
