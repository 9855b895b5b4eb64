/** What is in maps before their programs run (setup.mjs), as commands of a plan. */
import { fillMap, fillSlot } from './load-commands.mjs';
import { fromHex, setupOf } from './setup.mjs';

const DISCARDED = 0x40000000;
const RECORD_HEADER = 8;

/** Adds the commands; `maps`: commands that made them, by name. */
export function fillAsked(plan, question, maps) {
  for (const [name, steps] of Object.entries(setupOf(question).maps)) {
    const spec = question.object.maps.find((map) => map.name === name);
    if (!spec || !maps.has(name)) continue;
    const map = maps.get(name);
    if (steps[0].sample !== undefined) plan.userRecords(map, spec.maxEntries, recordsOf(steps));
    for (const { key, value, object } of steps) {
      if (object)
        fillSlot(plan, map, fromHex(key).readUInt32LE(), plan.open(object), spec.valueSize);
      else if (key) fillMap(plan, map, fromHex(key), fromHex(value), spec.valueSize);
    }
  }
}

/** Records as they are in a user ring buffer. */
function recordsOf(steps) {
  const parts = steps.flatMap(({ sample, discarded }) => {
    const bytes = fromHex(sample);
    const head = Buffer.alloc(RECORD_HEADER);
    head.writeUInt32LE(bytes.length | (discarded ? DISCARDED : 0));
    return [head, bytes, Buffer.alloc(-bytes.length & 7)];
  });
  return Buffer.concat(parts);
}
