"""The addresses of the pages. Include them wherever they fit: `path("", include("providers.urls"))`."""

from django.urls import path
from django.views.generic import RedirectView

from providers.views import (
    alerts,
    applications,
    connections,
    disconnecting,
    history,
    imports,
    linking,
    listens,
    mirrors,
    playlists,
    statistics,
    time_zone,
)

app_name = "providers"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="providers:connections")),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<int:target_id>/", alerts.alert_target, name="alert_target"),
    path("alerts/<int:target_id>/test/", alerts.test, name="alert_test"),
    path("alerts/<int:target_id>/pause/<str:answer>/", alerts.pause, name="alert_pause"),
    path("alerts/<int:target_id>/delete/", alerts.delete, name="alert_delete"),
    path("connections/", connections.connections, name="connections"),
    path("connections/<str:provider_type>/", connections.connection, name="connection"),
    path("connections/<str:provider_type>/check/", connections.check, name="check"),
    path("connections/<str:provider_type>/connect/", linking.connect, name="connect"),
    path("connections/<str:provider_type>/callback/", linking.callback, name="callback"),
    path("connections/<str:provider_type>/paste/", linking.paste, name="paste"),
    path("connections/<str:provider_type>/confirm/", linking.confirm, name="confirm"),
    path("connections/<str:provider_type>/application/", applications.own_application, name="own_application"),
    path("connections/<str:provider_type>/disconnect/", disconnecting.disconnect, name="disconnect"),
    path("connections/<str:provider_type>/delete-history/", disconnecting.delete_history, name="delete_history"),
    path("connections/<str:provider_type>/fetch/", connections.fetch, name="fetch"),
    path("history/", history.history, name="history"),
    path("history/<int:listen_id>/", listens.listen, name="listen"),
    path("history/<int:listen_id>/verdict/", listens.verdict, name="verdict"),
    path("history/import/", imports.import_history, name="import_history"),
    path("history/export/<str:export_format>/", imports.export_history, name="export_history"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("playlists/", playlists.playlists, name="playlists"),
    path("playlists/from/<str:source_type>/", playlists.playlists_of, name="playlists_of"),
    path("playlists/from/<str:source_type>/to/<str:target_type>/", playlists.begin, name="begin_mirror"),
    path("playlists/<int:mirror_id>/", mirrors.mirror, name="mirror"),
    path("playlists/<int:mirror_id>/carry/", mirrors.carry, name="carry"),
    path("playlists/<int:mirror_id>/keep/<str:answer>/", mirrors.keep, name="keep"),
    path("playlists/<int:mirror_id>/stop/", mirrors.stop, name="stop"),
    path("playlists/<int:mirror_id>/missing/<int:missing_id>/", mirrors.missing_track, name="missing_track"),
    path("playlists/<int:mirror_id>/chosen/<int:match_id>/withdraw/", mirrors.withdraw, name="withdraw"),
    path("playlists/<int:mirror_id>/export/<str:export_format>/", mirrors.export_missing, name="export_missing"),
    path("time-zone/", time_zone.time_zone, name="time_zone"),
]
