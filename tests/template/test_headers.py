"""What CloudFront says with every rendition."""

from typing import Any

from tests.cloudformation import load_template, of_type

TEMPLATE = load_template()


def test_a_public_rendition_is_served_with_security_headers_and_may_be_shown_anywhere() -> None:
    policy = TEMPLATE["Resources"]["RenditionsHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    told: dict[str, dict[str, Any]] = policy["SecurityHeadersConfig"]
    [own] = policy["CustomHeadersConfig"]["Items"]

    assert all(each["Override"] for each in [*told.values(), own])
    assert told["ContentSecurityPolicy"]["ContentSecurityPolicy"].startswith("default-src 'none'; ")
    assert told["FrameOptions"]["FrameOption"] == "DENY"
    assert told["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert told["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
    assert "ContentTypeOptions" in told
    assert (own["Header"], own["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")


def test_every_distribution_serves_with_them() -> None:
    distributions = of_type(TEMPLATE, "AWS::CloudFront::Distribution").values()

    assert distributions
    for each in distributions:
        configuration = each["DistributionConfig"]
        behaviours = [configuration["DefaultCacheBehavior"], *configuration.get("CacheBehaviors", [])]
        assert all(one["ResponseHeadersPolicyId"] == {"Ref": "RenditionsHeaders"} for one in behaviours)
        assert all(one["ViewerProtocolPolicy"] == "redirect-to-https" for one in behaviours)
