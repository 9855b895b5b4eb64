export { parseBtfFile, parseObject } from './parse.ts';
export { essentialName } from './core-names.ts';
export { countsSymbolsTwice } from './relocations.ts';
export type { MapRelocation, RelocatedProgram } from './relocate.ts';
export { relocateProgram } from './relocate.ts';
export type { SectionFlag, SectionForm, SectionMeaning } from './sections.ts';
export { SECTION_FORMS, sectionMeaning } from './sections.ts';
export { programTag } from './tag.ts';
export * from './types.ts';
