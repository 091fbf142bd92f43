using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>A run that dies tells who wants to hear of it, and <c>dtt show</c> what that cost.</summary>
[Collection(RankAndCommandTests.Name)]
public sealed class AlertTests(TinyProject project)
{
    [Fact]
    public async Task Run_ThatDies_IsToldOnceByTheCommandOfPlatformYaml_AndShowAccountsForIt()
    {
        const string run = "told";
        var (file, told) = (Path.Combine(project.Dtt.Home, "platform.yaml"), Path.Combine(project.Path, "told.jsonl"));
        await File.WriteAllTextAsync(file, $"alerts:\n- command: [/bin/sh, -c, 'cat >> \"$0\"', \"{told}\"]\n", TestContext.Current.CancellationToken);
        try
        {
            var log = Path.Combine(project.Dtt.Home, "state", "silo.log");
            await project.Dtt.OutputAsync("runs");
            await Wait.ForAsync("the alerts", () => File.ReadAllText(log).Contains($"the alerts of {file} were read: 1", StringComparison.Ordinal));
            var result = await project.Dtt.RunAsync(["train", "-n", run, "--set", "save_every=14"], ("DTT_CRASH_AT", "checkpoint.torn:2"));
            Assert.True(result.ExitCode == 0, result.Error);
            await Wait.ForAsync("the last alert", () => File.Exists(told) && File.ReadAllText(told).Contains("\"completed\"", StringComparison.Ordinal));
            var alerts = File.ReadLines(told).Select(l => JsonDocument.Parse(l).RootElement).Where(a => a.GetProperty("run").GetString() == run).ToList();
            Assert.Equal(["completed", "recovered", "recovered"], alerts.Select(a => a.GetProperty("kind").GetString()).Order());
            Assert.Contains(alerts, a => a.GetProperty("text").GetString()!.Contains("before, the rank was killed by signal 9", StringComparison.Ordinal));
        }
        finally
        {
            File.Delete(file);
        }

        var lost = (await project.Dtt.JsonAsync("show", run)).GetProperty("goodput").GetProperty("lost_seconds");
        Assert.All(["starting", "kill", "saving"], cause => Assert.True(lost.GetProperty(cause).GetDouble() > 0, cause));
        Assert.Equal(0, lost.GetProperty("silo_death").GetDouble());
        Assert.Matches(@"goodput \d+\.\d %: .* in steps that count; \d+\.\d\d node-hours\n", await project.Dtt.OutputAsync("show", run));
    }
}
