using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt resume RUN</c> and <c>dtt attach RUN</c>: the next attempt of a run, and following one that is running.</summary>
internal static class ResumeCommand
{
    private const int ShortBacklog = 30;

    public static Command Resume()
    {
        var run = RunArguments.Run("The run to resume, from its last checkpoint.");
        var detach = new Option<bool>("--detach") { Description = "Return at once; the run goes on." };
        var ranks = new Option<int?>("--ranks") { Description = "Go on with so many ranks; the same windows per step, whatever their number." };
        ranks.Validators.Add(r => { if (r.GetValue(ranks) is < 1) r.AddError("--ranks takes a whole number at least 1."); });
        var command = new Command("resume", "Resume a run that was stopped or failed.") { run, detach, ranks };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            if (view.Record.State == RunState.Completed)
            {
                Console.Error.WriteLine($"run '{view.Record.Run}' is complete: all {view.Record.TotalSteps:N0} steps are done.");
                return ExitCodes.Success;
            }

            var active = view.Record.State.IsActive();
            if (active) Console.Error.WriteLine($"run '{view.Record.Run}' is {RunsCommand.Word(view.Row)} already; attaching.");
            await grain.ResumeAsync(RankEnvironment.OfThisProcess(), result.GetValue(ranks));
            return result.GetValue(detach) ? ExitCodes.Success : await new RunFollower(view.Row.Folder).FollowAsync(client, active ? ShortBacklog : 0);
        });
        return command;
    }

    public static Command Attach()
    {
        var run = RunArguments.Run("The run.");
        var command = new Command("attach", "Follow a run, as `dtt train` does.") { run };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (_, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            if (view.Record.State.IsActive()) return await new RunFollower(view.Row.Folder).FollowAsync(client, ShortBacklog);
            var step = view.Record.Latest?.Step ?? 0;
            Console.Error.WriteLine($"run '{view.Record.Run}' is not running: it is {RunsCommand.Word(view.Row)} after step {step:N0}.");
            return ExitCodes.Success;
        });
        return command;
    }
}
