(function () {
  var page = document.getElementById("written");
  if (Date.now() / 1000 <= Number(page.dataset.until)) return;
  var hours = Math.round((Date.now() / 1000 - Number(page.dataset.at)) / 3600);
  var notice = document.createElement("p");
  notice.className = "verdict no";
  notice.setAttribute("role", "alert");
  notice.textContent = "This page is " + (hours < 48 ? hours + " hours" : Math.round(hours / 24) + " days")
    + " old: nobody knows whether what it says still holds.";
  var verdict = document.getElementById("verdict");
  verdict.className = "verdict unknown";
  verdict.parentNode.insertBefore(notice, verdict);
})();
