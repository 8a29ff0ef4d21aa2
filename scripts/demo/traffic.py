# SPDX-License-Identifier: Apache-2.0
"""The day over HTTP: several clients, each taking one order at a time from
creation to its end."""
import itertools
import queue
import threading
import time

from gantry import rfc3339

SHORT = "INSUFFICIENT_STOCK"
ATTEMPTS = 8


class Unexpected(Exception):
    pass


class Traffic:
    def __init__(self, gantry, invoices, progress):
        self.gantry = gantry
        self.invoices = invoices
        self.progress = progress
        self.lock = threading.Lock()
        self.requests = 0
        self.sample = None          # (request, answer) of one allocation
        self.keyed = []             # (body, key, answer) of some, to ask again
        self.events = itertools.count(1)
        self.fault = None

    # --- asking ---

    def ask(self, client, method, path, body=None, key=None):
        """One request; one that the gateway is too busy for is sent again."""
        headers = {"Idempotency-Key": key} if key else {}
        for attempt in range(ATTEMPTS):
            answer = client.ask(method, path, body, headers=headers)
            with self.lock:
                self.requests += 1
            if answer.status != 503:
                return answer
            time.sleep(0.05 * 2 ** attempt)
        return answer

    @staticmethod
    def expect(answer, *statuses):
        if answer.status not in statuses:
            raise Unexpected("%r, not %s" % (answer, statuses))
        return answer

    def publish(self, kind, payload):
        event = {"eventId": "demo-%d" % next(self.events), "eventType": kind,
                 "eventVersion": "1.0.0", "aggregateType": "Order",
                 "aggregateId": payload["orderId"], "timestamp": rfc3339(),
                 "metadata": {"correlationId": payload["orderId"],
                              "source": "order-service"},
                 "payload": payload}
        path = "/events/order.events/order.%s.order" % kind.lower()
        return self.expect(self.ask(self.gantry.events, "POST", path, event), 200)

    # --- the morning: goods come in ---

    def stock_good(self, good):
        code, text, available = good
        self.expect(self.ask(self.gantry.stock, "POST", "/inventory-items", {
            "id": "inv_" + code, "sku": code, "productId": "prod_" + code,
            "warehouseId": "wh_london", "availableQuantity": available}), 201)

    # --- an order comes in ---

    def refuse(self, line, answer):
        """The gateway's own words for why."""
        why = answer.get("message")
        details = answer.get("details")
        if answer["code"] == "VALIDATION_ERROR" and details:
            why = "%s %s" % (details[0]["field"].split(".")[-1], details[0]["problem"])
        line.came_to = answer["code"] if answer["code"] == SHORT else \
            (answer["code"], why)

    def create_single(self, invoice):
        for line in invoice.lines:
            body = {"orderId": invoice.order, **line.request()}
            answer = self.ask(self.gantry.orders, "POST", "/allocations", body,
                              line.order_item)
            if answer.status in (400, 404, 409, 422):
                self.refuse(line, answer.json["error"])
                continue
            self.expect(answer, 201)
            line.allocation = answer.data["id"]
            with self.lock:
                if len(self.keyed) < 20:
                    self.keyed.append((body, line.order_item, answer.body))
                if self.sample is None and not invoice.is_credit:
                    self.sample = (invoice, body, line.order_item, answer)

    def create_bulk(self, invoice):
        lines = list(invoice.lines)
        body = {"orderId": invoice.order, "mode": "partial",
                "items": [line.request() for line in lines]}
        answer = self.ask(self.gantry.orders, "POST", "/allocations/bulk", body,
                          invoice.number)
        if answer.status == 400:
            # all that is wrong is named: the rest is sent again without it
            for problem in answer.details:
                index = int(problem["field"].split("[")[1].split("]")[0])
                self.refuse(lines[index], {"code": answer.code,
                                           "details": [problem]})
            lines = [line for line in lines if line.came_to is None]
            if not lines:
                return
            body["items"] = [line.request() for line in lines]
            answer = self.ask(self.gantry.orders, "POST", "/allocations/bulk", body,
                              invoice.number + "-again")
        self.expect(answer, 201, 207)
        for failure in answer.data.get("failures", []):
            self.refuse(lines[failure["index"]], failure["error"])
        held = {a["orderItemId"]: a["id"] for a in answer.data["allocations"]}
        for line in lines:
            line.allocation = held.get(line.order_item)

    def create_event(self, invoice):
        self.publish("OrderCreated", {
            "orderId": invoice.order, "requiresPreAllocation": True,
            "items": [line.request() for line in invoice.lines]})
        held = {a["orderItemId"]: a["id"] for a in self.held(invoice)}
        for line in invoice.lines:
            line.allocation = held.get(line.order_item)
            if line.allocation is None:
                line.came_to = SHORT    # checked against the outbox afterwards

    def held(self, invoice):
        return self.expect(self.ask(self.gantry.orders, "GET",
                                    "/allocations/by-order/" + invoice.order), 200).data

    # --- what becomes of it ---

    def change(self, invoice, verb, body=None):
        for line in invoice.lines:
            if line.allocation:
                self.expect(self.ask(
                    self.gantry.orders, "PUT",
                    "/allocations/%s/%s" % (line.allocation, verb), body), 200)

    def finish(self, invoice):
        by_event = invoice.way == "event"
        if invoice.fate in ("confirmed", "fulfilled"):
            if by_event:
                self.publish("OrderConfirmed", {"orderId": invoice.order})
            else:
                self.change(invoice, "confirm")
        if invoice.fate == "fulfilled":
            self.change(invoice, "fulfill")
        if invoice.fate == "cancelled":
            if by_event:
                self.publish("OrderCancelled", {"orderId": invoice.order,
                                                "reason": "customer changed his mind"})
            else:
                self.change(invoice, "cancel", {"reason": "customer changed his mind"})

    def run_order(self, invoice):
        {"single": self.create_single, "bulk": self.create_bulk,
         "event": self.create_event}[invoice.way](invoice)
        if any(line.allocation for line in invoice.lines):
            self.finish(invoice)
        for line in invoice.lines:
            line.came_to = line.came_to or invoice.fate

    # --- credit notes ---

    def run_credit(self, invoice, sold):
        """What was sold today comes back; of what was sold before this day the
        gateway knows nothing, so the line is sent as it stands."""
        for line in invoice.lines:
            if line not in sold:
                answer = self.ask(self.gantry.orders, "POST", "/allocations",
                                  {"orderId": invoice.order, **line.request()})
                self.refuse(line, self.expect(answer, 400).json["error"])
                continue
            was = sold[line]
            order = "ord_" + was.invoice
            self.publish("OrderReturnInitiated", {
                "orderId": order, "returnId": "ret_" + invoice.number,
                "items": [{"orderItemId": was.order_item, "quantity": -line.quantity}]})
            self.expect(self.ask(self.gantry.stock, "POST",
                                 "/returns/ret_%s/receive" % invoice.number), 200)
            line.came_to = "returned"

    # --- many at once ---

    def run_all(self, jobs, run, threads, weight=lambda job: 1):
        todo = queue.SimpleQueue()
        for job in jobs:
            todo.put(job)

        def work():
            while self.fault is None:
                try:
                    job = todo.get_nowait()
                except queue.Empty:
                    return
                try:
                    run(job)
                except Exception as fault:
                    self.fault = self.fault or fault
                self.progress.add(weight(job), self.requests)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self.fault:
            raise self.fault

    def ask_again(self):
        """The same requests with the same keys; how many were answered from
        memory, to the byte."""
        same = 0
        for body, key, first in self.keyed:
            answer = self.ask(self.gantry.orders, "POST", "/allocations", body, key)
            same += (answer.status == 201 and answer.body == first and
                     answer.header("Idempotent-Replayed") == "true")
        return same
