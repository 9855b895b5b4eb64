import type { MapSpec, ObjectFile } from '../../object/index.ts';
import type { Step } from './types.ts';

/** What libbpf does to load an object, in its order (bpf_object_load). */
export function loadSteps(object: ObjectFile | undefined): Step[] {
  if (!object) return [];
  const { btf, externs, programs } = object;
  const steps: Step[] = [];
  const core = programs.reduce((sum, { coreRelocations }) => sum + coreRelocations.length, 0);
  for (const { name, kind, weak } of externs) {
    const detail = `${kind.replace('_', ' ')}${weak ? ', may be missing' : ''}`;
    steps.push({ action: 'extern', what: name, detail });
  }
  if (core > 0) {
    const detail = `${core} places take the layout of the kernel's types`;
    steps.push({ action: 'relocate', what: 'CO-RE', detail });
  }
  if (btf) steps.push({ action: 'btf', what: '.BTF', detail: `${btf.count - 1} types, loaded` });
  for (const map of object.maps) {
    steps.push({ action: 'map', what: map.name, detail: mapDetail(map) });
  }
  for (const { name, section, type, autoload, functions } of programs) {
    if (section === '.text') continue;
    const parts = functions.length > 1 ? `, with ${functions.length - 1} functions` : '';
    const detail = autoload === false ? 'left out' : `loaded as ${type ?? 'nothing known'}${parts}`;
    steps.push({ action: 'program', what: name, detail });
  }
  return steps;
}

function mapDetail(map: MapSpec): string {
  const { typeId, keySize, valueSize, maxEntries, initialSlots, pinning, dataSection } = map;
  const type = map.type ?? `type ${typeId}`;
  const words = [`${type}, key ${keySize}, value ${valueSize}, ${maxEntries} entries`];
  if (map.inner) words.push(`template ${map.inner.type ?? map.inner.typeId}`);
  if (map.flags !== 0) words.push(`flags 0x${map.flags.toString(16)}`);
  if (pinning === 'by_name') words.push('pinned');
  if (dataSection === 'rodata') words.push('filled and frozen');
  else if (dataSection === 'data') words.push('filled');
  if (initialSlots?.length) words.push(`${initialSlots.length} slots filled`);
  return words.join(', ');
}
