// The rules file: `block PREFIX` and `close PORT`, one a line, # starts a comment.

/** Lines of a rules file as {line, block: prefix} or {line, close: port}. Throws on other lines. */
export function parseRules(text) {
  return text.split('\n').flatMap((raw, i) => {
    const words = raw.replace(/#.*/, '').trim();
    if (words === '') return [];
    const [, verb, operand] = /^(block|close) (\S+)$/.exec(words) ?? [];
    if (verb === 'block') return [{ line: i + 1, block: operand }];
    if (verb === 'close') return [{ line: i + 1, close: Number(operand) }];
    throw new Error(`line ${i + 1}: '${words}' is neither 'block PREFIX' nor 'close PORT'`);
  });
}

/** Puts rules into the maps of the loaded firewall. */
export function applyRules(rules, maps) {
  for (const { line, block, close } of rules) {
    if (block !== undefined) {
      const trie = block.includes(':') ? maps.blocked_v6 : maps.blocked_v4;
      trie.set(block, { rule: line });
    } else {
      maps.ports.set(close, { policy: 'PORT_CLOSED' });
    }
  }
}
