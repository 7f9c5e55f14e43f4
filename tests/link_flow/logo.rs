//! The operator's logo, opened by itself.

use crate::support::browser::Browser;
use crate::support::service::Service;

const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/>
<script>document.querySelector('rect').setAttribute('class', 'ran')</script></svg>";

#[tokio::test]
async fn an_svg_runs_no_script() {
    let mut service = Service::prepare(&[]);
    let logo = service.file("logo.svg");
    std::fs::write(&logo, LOGO).unwrap();
    service.set("OPERATOR_LOGO_FILE", &logo.display().to_string());
    service.run().await;
    let browser = Browser::with_javascript().await;
    browser.goto(&service.url("/device")).await;
    let address = browser.find("img.logo").await.prop("src").await;
    browser.goto(&address.unwrap().unwrap()).await;
    let shape = browser.find("rect").await;
    assert_eq!(shape.attr("class").await.unwrap(), None);
    browser.close().await;
}
