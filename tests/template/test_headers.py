"""Security headers of CloudFront for renditions."""

from typing import Any

from tests.cloudformation import load_template, of_type

TEMPLATE = load_template()


def test_a_public_rendition_is_served_with_security_headers_and_may_be_shown_anywhere() -> None:
    policy = TEMPLATE["Resources"]["RenditionsHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    headers: dict[str, dict[str, Any]] = policy["SecurityHeadersConfig"]
    [own] = policy["CustomHeadersConfig"]["Items"]

    assert all(header["Override"] for header in [*headers.values(), own])
    assert headers["ContentSecurityPolicy"]["ContentSecurityPolicy"].startswith("default-src 'none'; ")
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
    assert headers["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
    assert "ContentTypeOptions" in headers
    assert (own["Header"], own["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")


def test_every_distribution_serves_with_them() -> None:
    distributions = of_type(TEMPLATE, "AWS::CloudFront::Distribution").values()

    assert distributions
    for distribution in distributions:
        configuration = distribution["DistributionConfig"]
        behaviours = [configuration["DefaultCacheBehavior"], *configuration.get("CacheBehaviors", [])]
        assert all(
            behaviour["ResponseHeadersPolicyId"] == {"Ref": "RenditionsHeaders"} for behaviour in behaviours
        )
        assert all(behaviour["ViewerProtocolPolicy"] == "redirect-to-https" for behaviour in behaviours)
