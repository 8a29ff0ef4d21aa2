# SPDX-License-Identifier: Apache-2.0
"""A day of invoices as orders, and what becomes of each.

The data say what was sold. They say neither what was on stock nor what became
of an order, so that is laid down here, by rules that give the same each time:

  stock    what the day asks for of a good; of every tenth good (by stock
           code) only two thirds
  way in   invoices of one to nine lines: one request a line; longer ones: one
           bulk request (partial), and every third of those an OrderCreated
           event, if all its lines are goods in numbers above zero
  fate     by the last digit of the invoice: 7 is cancelled, 3 waits for its
           money, all others are confirmed, of which 0, 4 and 8 are shipped
"""
import csv
from collections import OrderedDict, defaultdict

NO_GOODS = ("POST", "DOT", "C2", "M", "D")
WAREHOUSE = "wh_london"
LONG = 10


class Line:
    def __init__(self, row, number):
        self.invoice = row["InvoiceNo"]
        self.number = number
        self.code = row["StockCode"]
        self.text = row["Description"].strip()
        self.quantity = int(row["Quantity"])
        self.customer = row["CustomerID"]
        self.came_to = None         # what the gateway made of it
        self.allocation = None      # its id

    @property
    def order_item(self):
        return "%s-%d" % (self.invoice, self.number)

    @property
    def item(self):
        return "inv_" + self.code

    @property
    def is_sound(self):
        return self.quantity > 0 and self.code not in NO_GOODS

    def request(self):
        return {"orderItemId": self.order_item, "inventoryItemId": self.item,
                "quantity": self.quantity}


class Invoice:
    def __init__(self, number):
        self.number = number
        self.lines = []
        self.returned = False       # a line of it comes back this very day

    @property
    def order(self):
        return "ord_" + self.number

    @property
    def is_credit(self):
        return self.number.startswith("C")

    @property
    def way(self):
        if len(self.lines) < LONG or self.is_credit:
            return "single"
        if int(self.number) % 3 == 0 and all(line.is_sound for line in self.lines):
            return "event"
        return "bulk"

    @property
    def fate(self):
        digit = self.number[-1]
        if self.returned or digit in "048":
            return "fulfilled"
        return {"7": "cancelled", "3": "pending"}.get(digit, "confirmed")


def read(path):
    """Invoices in the order of the day."""
    invoices = OrderedDict()
    with open(path, newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            number = row["InvoiceNo"]
            invoice = invoices.setdefault(number, Invoice(number))
            invoice.lines.append(Line(row, len(invoice.lines) + 1))
    invoices = list(invoices.values())
    for _, sold in returns(invoices):
        for invoice in invoices:
            invoice.returned = invoice.returned or sold in invoice.lines
    return invoices


def returns(invoices):
    """(line that comes back, line by which it was sold that day)."""
    sold = {}
    for invoice in invoices:
        for line in invoice.lines:
            if not invoice.is_credit:
                sold[line.customer, line.code] = line
                continue
            was = sold.get((line.customer, line.code))
            if was and line.customer and line.is_sound is False \
                    and was.quantity >= -line.quantity:
                yield line, was


def goods(invoices):
    """(stock code, text, what is on stock in the morning)."""
    asked, text = defaultdict(int), {}
    for invoice in invoices:
        for line in invoice.lines:
            if line.code in NO_GOODS:
                continue
            text.setdefault(line.code, line.text)
            asked[line.code] += max(line.quantity, 0)
    for n, code in enumerate(sorted(asked)):
        yield code, text[code], asked[code] * 2 // 3 if n % 10 == 0 else asked[code]
