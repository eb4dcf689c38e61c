import { describe, expect, test } from '@jest/globals';
import { DomainError, isId, saleStatuses, type BuyerField, type SaleStatus, type SaleStep } from '../domain/index.js';
import { moved, newSale, patched, type SaleInput, type SalePatch } from './sale-edit.js';

const input: SaleInput = {
  name: 'Concert',
  opensAt: '2027-01-01T10:00:00Z',
  closesAt: '2027-01-02T12:00:00+02:00',
  holdSeconds: 600,
  maxPerBuyer: 4,
  ticketTypes: [
    { name: 'Seat', priceMinor: 5000, currency: 'EUR', capacity: 100, maxPerOrder: 4 },
    { name: 'Standing', priceMinor: 3000, currency: 'EUR', capacity: 300, maxPerOrder: 2 },
  ],
};

const [seat, standing] = input.ticketTypes as [SaleInput['ticketTypes'][0], SaleInput['ticketTypes'][0]];
const sold = { taken: 7 };

/** The sale in that state; once it was open, seven of each type are taken. */
function sale(status: SaleStatus = 'draft') {
  const draft = newSale(input);
  const ticketTypes = draft.ticketTypes.map((type) => (status === 'draft' ? type : { ...type, ...sold }));
  return { ...draft, status, ticketTypes };
}

function textField(name: string, extra: Partial<BuyerField> = {}): BuyerField {
  return { name, type: 'text', required: false, label: name, ...extra };
}

/** What is wrong, as `path: message`, or the code where it is not a field. */
function refusalOf(edit: () => unknown): string | undefined {
  try {
    edit();
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const [first] = error.facts.errors ?? [];
    return first === undefined ? error.code : `${first.path}: ${first.message}`;
  }
}

describe('newSale', () => {
  test('when all is well, then it is a draft with ids, times, defaults and nothing sold', () => {
    const made = newSale(input);
    expect(made).toMatchObject({
      status: 'draft',
      epoch: 0,
      payment: 'none',
      buyerFields: [],
      opensAt: new Date('2027-01-01T10:00:00Z'),
      closesAt: new Date('2027-01-02T10:00:00Z'),
      ticketTypes: [
        { ...seat, taken: 0 },
        { ...standing, taken: 0 },
      ],
    });
    const ids = [made.id, ...made.ticketTypes.map(({ id }) => id)];
    expect(ids.every(isId)).toBe(true);
    expect(new Set(ids).size).toBe(3);
  });

  test.each<[string, Partial<SaleInput>, string]>([
    ['it closes before it opens', { closesAt: '2027-01-01T09:59:59Z' }, 'closesAt: must be after opensAt'],
    ['it closes when it opens', { closesAt: '2027-01-01T11:00:00+01:00' }, 'closesAt: must be after opensAt'],
    [
      'its currencies differ',
      { ticketTypes: [seat, { ...standing, currency: 'USD' }] },
      'ticketTypes[1].currency: must be the same for the whole sale',
    ],
    [
      'two fields share a name',
      { buyerFields: [textField('a'), textField('b'), textField('a')] },
      'buyerFields[2].name: stands there twice',
    ],
    [
      'a choice has no choices',
      { buyerFields: [textField('size', { type: 'choice' })] },
      'buyerFields[0].choices: is required for the type choice and for no other',
    ],
    [
      'another field has choices',
      { buyerFields: [textField('size', { choices: ['S'] })] },
      'buyerFields[0].choices: is required for the type choice and for no other',
    ],
  ])('when %s, then it is refused', (_why, change, expected) => {
    expect(refusalOf(() => newSale({ ...input, ...change }))).toBe(expected);
  });
});

describe('patched', () => {
  test('when a draft is patched, then every field may change, and what is not told stays', () => {
    const before = sale();
    const patch: SalePatch = {
      name: 'Other',
      opensAt: '2027-01-01T08:00:00Z',
      holdSeconds: 60,
      maxPerBuyer: 2,
      payment: 'webhook',
      buyerFields: [textField('name')],
    };
    const { opensAt, ...others } = patch;
    expect(patched(before, patch)).toEqual({ ...before, ...others, opensAt: new Date(String(opensAt)) });
  });

  test.each(saleStatuses)('when a sale that is %s is patched with nothing, then nothing changes', (status) => {
    const before = sale(status);
    expect(patched(before, {})).toEqual(before);
  });

  test('when a draft gets ticket types without ids, then they replace all', () => {
    const before = sale();
    const after = patched(before, { ticketTypes: [{ ...standing, name: 'New' }] });
    expect(after.ticketTypes).toMatchObject([{ ...standing, name: 'New', taken: 0 }]);
    expect(before.ticketTypes.map(({ id }) => id)).not.toContain(after.ticketTypes[0]?.id);
  });

  test('when a draft gets a ticket type with its id, then only what is told of it changes', () => {
    const before = sale();
    const [first, second] = before.ticketTypes;
    const after = patched(before, { ticketTypes: [{ id: String(second?.id), priceMinor: 1, capacity: 5 }] });
    expect(after.ticketTypes).toEqual([first, { ...second, priceMinor: 1, capacity: 5 }]);
  });

  test.each(['open', 'paused', 'closed'] as const)(
    'when a sale is %s, then capacities change and what is taken stays',
    (status) => {
      const before = sale(status);
      const [first, second] = before.ticketTypes;
      const after = patched(before, {
        ticketTypes: [{ id: String(first?.id), capacity: 1 }],
        name: 'Other',
        maxPerBuyer: 1,
      });
      expect(after).toEqual({
        ...before,
        name: 'Other',
        maxPerBuyer: 1,
        ticketTypes: [{ ...first, capacity: 1 }, second],
      });
    },
  );

  test('when the window of an open sale moves, then both ends are looked at together', () => {
    expect(patched(sale('open'), { closesAt: '2027-01-03T00:00:00Z' }).closesAt).toEqual(
      new Date('2027-01-03T00:00:00Z'),
    );
    expect(refusalOf(() => patched(sale('open'), { opensAt: '2027-01-05T00:00:00Z' }))).toBe(
      'closesAt: must be after opensAt',
    );
  });

  describe.each(['open', 'paused', 'closed'] as const)('when a sale is %s, then these cannot change', (status) => {
    test.each<[SalePatch, string]>([
      [{ payment: 'webhook' }, 'payment'],
      [{ payment: 'none' }, 'payment'],
      [{ buyerFields: [] }, 'buyerFields'],
    ])('%j', (patch, field) => {
      expect(refusalOf(() => patched(sale(status), patch))).toBe(`${field}: can change only while the sale is a draft`);
    });

    test.each(['name', 'priceMinor', 'currency', 'maxPerOrder'] as const)('%s of a ticket type', (field) => {
      const before = sale(status);
      const ticketTypes = [{ id: String(before.ticketTypes[0]?.id), capacity: 5, [field]: seat[field] }];
      expect(refusalOf(() => patched(before, { ticketTypes }))).toBe(
        `ticketTypes[0].${field}: can change only while the sale is a draft`,
      );
    });

    test('the set of its ticket types', () => {
      expect(refusalOf(() => patched(sale(status), { ticketTypes: [seat] }))).toBe('ticketTypes[0].id: is required');
    });
  });

  const known = (before: ReturnType<typeof sale>) => ({ id: String(before.ticketTypes[0]?.id), capacity: 5 });
  test.each<[string, SaleStatus, (before: ReturnType<typeof sale>) => SalePatch['ticketTypes'], string]>([
    ['an id is unknown', 'open', () => [{ id: 'other', capacity: 5 }], '[0].id: is not a ticket type of this sale'],
    ['an id stands there twice', 'open', (s) => [known(s), known(s)], '[1].id: stands there twice'],
    ['a capacity is missing', 'open', (s) => [{ id: known(s).id }], '[0].capacity: is required'],
    ['only some have ids', 'draft', (s) => [known(s), seat], '[1].id: is required'],
    ['a new one is not complete', 'draft', () => [seat, { name: 'Half' }], '[1].priceMinor: is required'],
    [
      'one has another currency',
      'draft',
      (s) => [{ ...known(s), currency: 'USD' }],
      '[1].currency: must be the same for the whole sale',
    ],
  ])('when of the ticket types %s, then it is refused', (_why, status, ticketTypes, expected) => {
    const before = sale(status);
    const patch = { ticketTypes: ticketTypes(before) ?? [] };
    expect(refusalOf(() => patched(before, patch))).toBe(`ticketTypes${expected}`);
  });
});

describe('moved', () => {
  const allowed: Record<SaleStep, Partial<Record<SaleStatus, SaleStatus>>> = {
    open: { draft: 'open' },
    pause: { open: 'paused' },
    resume: { paused: 'open' },
    close: { draft: 'closed', open: 'closed', paused: 'closed' },
  };
  const cases = (Object.keys(allowed) as SaleStep[]).flatMap((step) =>
    saleStatuses.map((from): [SaleStep, SaleStatus, SaleStatus | undefined] => [step, from, allowed[step][from]]),
  );

  test.each(cases)('when it should %s and is %s, then it becomes %s', (step, from, to) => {
    const before = sale(from);
    if (to === undefined) expect(refusalOf(() => moved(before, step))).toBe('invalid_transition');
    else expect(moved(before, step)).toEqual({ ...before, status: to });
  });
});
