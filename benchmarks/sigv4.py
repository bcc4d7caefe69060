"""Measures one AWS signature. Run: python benchmarks/sigv4.py; the goal is below 15 microseconds."""

from __future__ import annotations

import timeit

from tablecloud.auth.sigv4 import AwsKeys, sign_v4
from tablecloud.rest.messages import Request, Signing

KEYS = AwsKeys(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EC2 = Signing(service="ec2", region="us-east-1")
FORM = Request(
    http="POST",
    url="https://ec2.us-east-1.amazonaws.com/",
    headers=(("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),),
    body=b"Action=DescribeInstances&Version=2016-11-15&MaxResults=1000",
)
QUERY = Request(
    http="GET",
    url="https://lambda.us-east-1.amazonaws.com/2015-03-31/functions?MaxItems=50&Marker=abc%2Bdef",
    headers=(("Accept", "application/json"),),
)


def main() -> None:
    for name, request in (("form post", FORM), ("get with a query", QUERY)):
        count = 20_000
        seconds = min(timeit.repeat(lambda r=request: sign_v4(r, KEYS, EC2, 1.7e9), number=count, repeat=3))
        print(f"{name}: {seconds / count * 1e6:.1f} us a signature")


if __name__ == "__main__":
    main()
