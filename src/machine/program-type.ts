import { programTypeFacts, programTypes, type ProgramTypeDef } from '../abi/index.ts';
import { refuse } from './errno.ts';

/** What programs of a type run as: types without a hook are loaded, and nothing runs them. */
export function programTypeOf(word: string): ProgramTypeDef {
  const known = programTypes.get(word);
  if (known) return known;
  const facts = programTypeFacts.find(({ name }) => name === word);
  if (!facts) refuse('EINVAL', `there are no programs of type ${word}`);
  const { name, id, struct } = facts;
  return { name, id, context: { struct, size: 0, allocated: 0, fields: [] } };
}
