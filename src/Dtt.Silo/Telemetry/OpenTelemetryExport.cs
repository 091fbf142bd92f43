using System.Collections;
using Dtt.Grains.Telemetry;
using Dtt.Silo.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Dtt.Silo.Telemetry;

/// <summary>Sends metrics by OTLP to <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>; not set: nothing is measured.</summary>
internal static class OpenTelemetryExport
{
    private const string Prefix = "OTEL_";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Adds the export when the environment asks for it.</summary>
    public static IHostBuilder UseOpenTelemetry(this IHostBuilder builder, SiloOptionsFromEnvironment options)
    {
        if (Environment.GetEnvironmentVariable(Endpoint) is null or "") return builder;
        var settings = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(v => ((string)v.Key).StartsWith(Prefix, StringComparison.Ordinal))
            .Select(v => KeyValuePair.Create((string)v.Key, (string?)v.Value));
        builder.ConfigureAppConfiguration(c => c.AddInMemoryCollection(settings)); // where the exporter looks for all its variables
        return builder.ConfigureServices(services => services.AddHostedService<NodeMeter>().AddOpenTelemetry()
            .ConfigureResource(r => r.AddService("dtt-silo", serviceVersion: options.Build, serviceInstanceId: options.Node).AddEnvironmentVariableDetector())
            .WithMetrics(m => m.AddMeter(RunMeter.Name, NodeMeter.Name, "Microsoft.Orleans").AddOtlpExporter()));
    }
}
