import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def count_what_is_stored(apps, schema_editor):
    """Have every history counted that came home before."""
    scans = apps.get_model("providers", "StatisticsScan").objects
    listens = apps.get_model("providers", "Listen").objects
    for user_id in apps.get_model(settings.AUTH_USER_MODEL).objects.values_list("pk", flat=True).iterator():
        moments = listens.filter(user_id=user_id).order_by("played_at").values_list("played_at", flat=True)
        if since := moments.first():
            scans.create(user_id=user_id, since=since, until=moments.last())


class Migration(migrations.Migration):

    dependencies = [
        ('providers', '0007_admin_figures'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MonthCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(help_text='Its first day.')),
                ('quarters', models.BinaryField()),
                ('artists', models.BinaryField()),
                ('albums', models.BinaryField()),
                ('tracks', models.BinaryField()),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'month'), name='one_count_per_month')],
            },
        ),
        migrations.CreateModel(
            name='StatisticsScan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_at', models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True, verbose_name='due')),
                ('lease_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, default='', editable=False, max_length=32)),
                ('failures', models.PositiveIntegerField(default=0, help_text='How often in a row the work failed.')),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('begun_since', models.DateTimeField(blank=True, null=True)),
                ('begun_until', models.DateTimeField(blank=True, null=True)),
                ('all_time', models.JSONField(blank=True, default=dict, editable=False)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='statistics_scan', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='statistics_scan_due')],
            },
        ),
        migrations.RunPython(count_what_is_stored, migrations.RunPython.noop, elidable=True),
    ]
