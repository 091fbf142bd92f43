using System.Diagnostics;
using System.Net;
using System.Text;
using Dtt.Core.Alerts;
using Dtt.Core.Platform;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Dtt.Silo.Alerts;

/// <summary>Delivers one alert: by POST, or to a program's standard input. Each try has 10 s; what may pass is tried again, up to 5 times in all.</summary>
/// <param name="firstDelay">Time before the second try; it doubles with each, to at most 30 s, with jitter.</param>
/// <param name="time">The clock.</param>
internal sealed class AlertDelivery(TimeSpan firstDelay, TimeProvider time) : IDisposable
{
    private const int NotExecutable = 126, NotFound = 127; // exit codes of a shell
    private static readonly TimeSpan _tryTimeout = TimeSpan.FromSeconds(10);
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) });

    private readonly ResiliencePipeline _tries = new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<AlertException>(e => e.MayPass).Handle<TimeoutRejectedException>(),
            MaxRetryAttempts = 4,
            Delay = firstDelay,
            MaxDelay = TimeSpan.FromSeconds(30),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
        })
        .AddTimeout(_tryTimeout).Build();

    /// <summary>Delivers.</summary>
    /// <exception cref="AlertException">It could not be delivered.</exception>
    /// <exception cref="TimeoutRejectedException">Nobody took it in time.</exception>
    public async Task DeliverAsync(AlertRule rule, Alert alert, CancellationToken cancellation)
    {
        var json = alert.Json();
        await _tries.ExecuteAsync(async c => await (rule.Webhook is { } address ? PostAsync(address, json, c) : RunAsync(rule.Command, json, c)), cancellation);
    }

    public void Dispose() => _http.Dispose();

    private async Task PostAsync(Uri address, string json, CancellationToken cancellation)
    {
        HttpStatusCode status;
        try
        {
            using var content = new StringContent(json, Encoding.UTF8, "application/json");
            using var answer = await _http.PostAsync(address, content, cancellation);
            if (answer.IsSuccessStatusCode) return;
            status = answer.StatusCode;
        }
        catch (HttpRequestException e)
        {
            throw new AlertException($"{address.Host} cannot be reached: {e.HttpRequestError}", mayPass: true);
        }

        throw new AlertException($"{address.Host} answered {(int)status}",
            mayPass: status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500);
    }

    private static async Task RunAsync(IReadOnlyList<string> command, string json, CancellationToken cancellation)
    {
        // What it prints is of no use to anybody, and what it leaves running may keep its output open.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" > /dev/null 2>&1", "sh", .. command]) { RedirectStandardInput = true };
        foreach (var secret in SecretVariables.All) start.Environment.Remove(secret);
        using var process = Start(start);
        try
        {
            await WriteAsync(process.StandardInput, json);
            await process.WaitForExitAsync(cancellation);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }

        switch (process.ExitCode)
        {
            case 0: return;
            case NotFound: throw new AlertException($"{command[0]} cannot be started: there is no such program", mayPass: false);
            case NotExecutable: throw new AlertException($"{command[0]} cannot be started: it is no program that this user may run", mayPass: false);
            default: throw new AlertException($"{command[0]} ended with exit code {process.ExitCode}", mayPass: true);
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new AlertException($"no program can be started: {e.Message}", mayPass: true);
        }
    }

    /// <summary>A program need not read what it is told.</summary>
    private static async Task WriteAsync(StreamWriter input, string json)
    {
        try
        {
            await using (input) await input.WriteLineAsync(json);
        }
        catch (IOException)
        {
            return;
        }
    }
}

/// <summary>An alert could not be delivered. Its message holds no address, only a host.</summary>
/// <param name="message">Why.</param>
/// <param name="mayPass">Whether another try may do better.</param>
internal sealed class AlertException(string message, bool mayPass) : Exception(message)
{
    /// <summary>Whether another try may do better.</summary>
    public bool MayPass => mayPass;
}
