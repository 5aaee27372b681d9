import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AgentMessageSchema,
  type ControlPlaneMessage,
  parseAgentMessage,
  parseControlPlaneMessage,
} from '../../../protocol/message.ts';
import { entry } from '../../fakes/arbitrary.ts';

const DIGEST = 'd'.repeat(64);
const HELLO = { type: 'hello', protocolVersion: 1, agentVersion: '0.1.0' };

describe('parseAgentMessage()', () => {
  test('gives back what an agent said', () => {
    fc.assert(
      fc.property(agentMessage(), (message) => {
        expect(parseAgentMessage(JSON.stringify(message))).toEqual({ ok: true, value: message });
      }),
    );
  });

  test.each([
    ['', 'the message is not JSON'],
    ['{"type":"hello"', 'the message is not JSON'],
    ['null', 'must be object'],
    ['[]', '/type: expected one of "hello", "report", "resend", "renew"'],
    ['{}', '/type: expected one of "hello", "report", "resend", "renew"'],
    ['{"type":"bye"}', '/type: expected one of "hello", "report", "resend", "renew"'],
    ['{"type":"resend"}', '/reason: is required'],
    ['{"type":"resend","reason":5}', '/reason: must be string'],
    ['{"type":"resend","reason":"x","more":1}', '/more: is not a known field'],
    ['{"type":"resend","reason":"x","__proto__":{}}', '/__proto__: is not a known field'],
    [JSON.stringify({ ...HELLO, protocolVersion: 0 }), '/protocolVersion: must be >= 1'],
    [JSON.stringify({ ...HELLO, held: { epoch: 'e1', revision: 1 } }), '/held/digest: is required'],
  ])('refuses %s and names the field', (text, message) => {
    expect(parseAgentMessage(text)).toEqual({ ok: false, message });
  });

  test('refuses everything of which one member is gone, or one too many is there', () => {
    fc.assert(
      fc.property(agentMessage(), fc.nat(), (message, nth) => {
        const required = Object.keys(message).filter((name) => name !== 'held');
        const gone = required[nth % required.length] ?? '';
        const less = Object.fromEntries(Object.entries(message).filter(([name]) => name !== gone));
        expect(parseAgentMessage(JSON.stringify(less)).ok).toBe(false);
        expect(parseAgentMessage(JSON.stringify({ ...message, extra: true })).ok).toBe(false);
      }),
    );
  });

  test('never throws and keeps its refusals short, whatever it is sent', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), nearlyMessage()), (text) => {
        const parsed = parseAgentMessage(text);
        if (parsed.ok) expect(AgentMessageSchema.anyOf.length).toBe(4);
        else expect(parsed.message.length).toBeLessThan(1000);
      }),
    );
  });

  test('refuses a value that is nested a hundred thousand deep', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(parseAgentMessage(`{"type":"resend","reason":${deep}}`).ok).toBe(false);
  });
});

describe('parseControlPlaneMessage()', () => {
  test('gives back a whole configuration and a delta', () => {
    fc.assert(
      fc.property(fc.array(entry(), { maxLength: 5 }), fc.nat(), (entries, revision) => {
        const version = { epoch: 'e1', revision, digest: DIGEST };
        const messages = [
          { type: 'configuration', ...version, entries },
          {
            ...{ type: 'delta', ...version, put: entries, remove: ['local/x'] },
            base: { revision, digest: DIGEST },
          },
          { type: 'current', version },
          { type: 'removed' },
        ];
        for (const message of messages) {
          const parsed = parseControlPlaneMessage(JSON.stringify(message));
          expect(parsed).toEqual({ ok: true, value: message as ControlPlaneMessage });
        }
      }),
    );
  });

  test('names the field of the entry that is wrong, and what would be accepted', () => {
    const local = { kind: 'local', network: `net_${'a'.repeat(20)}`, prefix: '10.1.0.1/16' };
    const route = { ...local, kind: 'route', prefix: '10.2.0.0/16' };
    const whole = { type: 'configuration', epoch: 'e1', revision: 1, digest: DIGEST };
    const refusal = (entries: unknown) =>
      parseControlPlaneMessage(JSON.stringify({ ...whole, entries }));
    expect(refusal([local])).toMatchObject({
      message: '/entries/0/prefix: "10.1.0.1/16" has host bits set; did you mean 10.1.0.0/16',
    });
    expect(refusal([route])).toMatchObject({ message: '/entries/0/site: is required' });
    expect(refusal([{ ...local, kind: 'nat' }])).toMatchObject({
      message: '/entries/0/kind: expected one of "interface", "peer", "route", "local"',
    });
  });
});

function agentMessage(): fc.Arbitrary<object> {
  const version = fc.record({
    epoch: fc.constantFrom('e1', 'e2'),
    revision: fc.nat(),
    digest: fc.constant(DIGEST),
  });
  const text = fc.string({ maxLength: 100 });
  return fc.oneof(
    fc.record(
      {
        type: fc.constant('hello' as const),
        protocolVersion: fc.integer({ min: 1, max: 9 }),
        agentVersion: fc.string({ maxLength: 60, unit: 'grapheme-ascii' }),
        held: version,
      },
      { requiredKeys: ['type', 'protocolVersion', 'agentVersion'] },
    ),
    fc.record({ type: fc.constant('resend' as const), reason: text }),
    fc.record({
      type: fc.constant('report' as const),
      version,
      isApplied: fc.boolean(),
      pending: fc.array(fc.record({ operation: text, reason: text })),
      peers: fc.constant([]),
    }),
  );
}

/** A message's text with a piece cut out and another put in. */
function nearlyMessage(): fc.Arbitrary<string> {
  return fc
    .tuple(agentMessage(), fc.nat(), fc.nat({ max: 9 }), fc.string({ maxLength: 5 }))
    .map(([message, at, gone, put]) => {
      const text = JSON.stringify(message);
      const from = at % text.length;
      return text.slice(0, from) + put + text.slice(from + gone);
    });
}
