using System.Collections;
using Dtt.Core.Errors;
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
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT", Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";

    /// <summary>Adds the export when the environment asks for it.</summary>
    /// <exception cref="ConfigurationException">It asks for something that there is not; the exporter itself would send nothing and say nothing.</exception>
    public static IHostBuilder UseOpenTelemetry(this IHostBuilder builder, SiloOptionsFromEnvironment options)
    {
        if (Environment.GetEnvironmentVariable(Endpoint) is not { Length: > 0 } endpoint) return builder;
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
            throw new ConfigurationException($"{Endpoint} is '{endpoint}', which is no address such as http://127.0.0.1:4317; correct it, or unset it.");
        if (Environment.GetEnvironmentVariable(Protocol) is { Length: > 0 } protocol and not ("grpc" or "http/protobuf"))
            throw new ConfigurationException($"{Protocol} is '{protocol}'; it may be grpc (port 4317, as a rule) or http/protobuf (port 4318).");
        var settings = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(v => ((string)v.Key).StartsWith(Prefix, StringComparison.Ordinal))
            .Select(v => KeyValuePair.Create((string)v.Key, (string?)v.Value));
        builder.ConfigureAppConfiguration(c => c.AddInMemoryCollection(settings)); // where the exporter looks for all its variables
        return builder.ConfigureServices(services => services.AddHostedService<NodeMeter>().AddOpenTelemetry()
            .ConfigureResource(r => r.AddService("dtt-silo", serviceVersion: options.Build, serviceInstanceId: options.Node).AddEnvironmentVariableDetector())
            .WithMetrics(m => m.AddMeter(RunMeter.Name, NodeMeter.Name, "Microsoft.Orleans").AddOtlpExporter()));
    }
}
