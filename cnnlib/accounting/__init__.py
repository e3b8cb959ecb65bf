"""The account of a network: shapes, parameters, multiply-accumulates and receptive fields, layer by layer.

    print(cnnlib.account(cnnlib.models.build("lenet5")))

``accounts`` walks the graph of a model; ``rules`` says what each kind of layer costs and sees, and how a
layer of your own joins in; ``tables`` prints.
"""

from cnnlib.accounting.accounts import Account, Row, account
from cnnlib.accounting.rules import Call, Cost, Span, pool_over, rule, slide, union

__all__ = ["Account", "Call", "Cost", "Row", "Span", "account", "pool_over", "rule", "slide", "union"]
