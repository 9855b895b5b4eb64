// SPDX-License-Identifier: MIT
// Splits HTTP requests: method, path, header names (case folded), header values, lengths.
#include "bench.h"

#define LENGTH 65536
struct text {
  u32 used;
  char bytes[LENGTH + 64];
};
WORK(struct text);

static const char request[] =
    "GET /api/v2/items?page=3&sort=name HTTP/1.1\r\nHost: www.example.net\r\n"
    "User-Agent: beeyard/0.1\r\nAccept: text/html,application/json;q=0.9\r\n"
    "Accept-Language: de,en;q=0.5\r\nContent-Length: 1234\r\nCookie: id=77ab; theme=dark\r\n\r\n";

PROGRAM(setup) {
  UNUSED(ctx);
  u32 used = 0;
  while (used + sizeof(request) < LENGTH)
    for (u32 i = 0; i < sizeof(request) - 1; i++)
      work.bytes[used++] = request[i];
  work.used = used;
  return used;
}

enum state { METHOD, PATH, VERSION, NAME, VALUE };

PROGRAM(run) {
  UNUSED(ctx);
  u32 used = work.used, hash = 0, number = 0, fields = 0, requests = 0, line = 0;
  enum state state = METHOD;
  if (used > LENGTH)
    return 0;
  for (u32 i = 0; i < used; i++) {
    char c = work.bytes[i];
    if (c == '\r')
      continue;
    if (c == '\n') {
      if (line == 0) {
        requests++;
        state = METHOD;
        continue;
      }
      fields++;
      line = 0;
      state = NAME;
      continue;
    }
    line++;
    if (state == NAME) {
      if (c == ':')
        state = VALUE;
      else
        hash = hash * 31 + (c >= 'A' && c <= 'Z' ? c + 32 : c);
    } else if (state == VALUE) {
      if (c >= '0' && c <= '9')
        number = number * 10 + (c - '0');
    } else if (c == ' ') {
      state = state == METHOD ? PATH : VERSION;
    } else if (state == PATH) {
      hash += c == '&' || c == '?' ? 7 : 1;
    }
  }
  return mix32(hash + ((u64)number << 20) + fields * 3 + requests);
}
