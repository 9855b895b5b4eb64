// What the rules are about: an IPv4 5-tuple. `node examples/classifier/fields.mjs > …/acl.h` makes
// the header the program includes.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseObject } from '../../dist/index.js';
import { classifierSource } from '../../dist/tools/wildcard/index.js';

/** The fields, out of the key's type in an object with such a wildcard map. */
export function fieldsOf(object, map) {
  return parseObject(readFileSync(object)).maps.find(({ name }) => name === map).fields;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const fields = fieldsOf(new URL('wildcard.bpf.o', import.meta.url), 'rules');
  process.stdout.write(classifierSource(fields, { name: 'acl', maxRules: 20_000 }));
}
