/** What the corpus asks of beeyard, from src/. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupOf } from './groups.mjs';
import { testModules } from './modules.mjs';
import { KERNEL } from './paths.mjs';
import { load } from './source.mjs';

const { PRIVILEGED, UNPRIVILEGED, testSpecs } = await load('src/tools/selftests/annotations.ts');

export async function openBeeyard(kernel = KERNEL) {
  const [
    { parseObject, parseBtfFile, relocateProgram },
    { symbolAddress },
    { parseBtf },
    { verify, verifierInput },
    abi,
    { decodeCode, kernelText },
  ] = await Promise.all([
    load('src/object/index.ts'),
    load('src/object/resolve-externs.ts'),
    load('src/btf/index.ts'),
    load('src/verifier/index.ts'),
    load('src/abi/index.ts'),
    load('src/isa/index.ts'),
  ]);
  return {
    parseObject,
    parseBtfFile,
    relocateProgram,
    symbolAddress,
    parseBtf,
    verify,
    verifierInput,
    decodeCode,
    kernelText,
    helperName: abi.helperName,
    enums: abi.enums,
    profile: await profileOf(abi, kernel),
  };
}

/** The kernel with what the tests load into it. */
async function profileOf(abi, kernel) {
  const profile = await abi.loadTargetKernel(kernel);
  return kernel === KERNEL ? abi.withModules(profile, testModules()) : profile;
}

const MODES = [
  ['privileged', PRIVILEGED],
  ['unprivileged', UNPRIVILEGED],
];

/**
 * Every program of an object under every mode that is tested or was recorded:
 * `{ folder, file, object, program, mode, spec, row, annotated, group }`.
 */
export function unitsOf(beeyard, folder, file, rows) {
  const object = beeyard.parseObject(readFileSync(join(folder, file)));
  const specs = testSpecs(object);
  const units = [];
  for (const program of object.programs) {
    const spec = specs.get(program.name);
    const group = groupOf(program, beeyard.helperName);
    for (const [mode, bit] of MODES) {
      const row = rows[mode]?.get(program.name);
      const annotated = spec !== undefined && !spec.auxiliary && (spec.modes & bit) !== 0;
      if (mode === 'unprivileged' && !row && !annotated) continue;
      if (spec?.skipped) continue;
      units.push({ folder, file, object, program, mode, spec, row, annotated, group });
    }
  }
  return units;
}

/** How a unit is written: 'verifier_and.bpf.o:invalid_range_check', '@unpriv' behind it. */
export function unitName({ file, program, mode }) {
  return `${file}:${program.name}${mode === 'unprivileged' ? '@unpriv' : ''}`;
}
