using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

namespace Dtt.Grains.Runs;

/// <content>What follows from a decision that is written.</content>
internal sealed partial class RunGrain
{
    /// <summary>Performs effects; what fails is left to the timer, which asks <see cref="RunDecider.Pending"/>.</summary>
    private async Task PerformAsync(IReadOnlyList<RunEffect> effects)
    {
        foreach (var effect in effects)
        {
            try
            {
                CrashPoint.Reach("silo.effect");
                await PerformAsync(effect);
            }
            catch (Exception e) when (effect is not RunEffect.Erase && e is IOException or UnauthorizedAccessException or TimeoutException
                or UserErrorException or (OrleansException and not InconsistentStateException))
            {
                LogEffectFailed(Folder, effect.GetType().Name, e);
            }
        }
    }

    private async Task PerformAsync(RunEffect effect)
    {
        await Effects.PerformAsync(effect, state.State);
        switch (effect)
        {
            case RunEffect.DeleteCheckpoints delete:
                await ApplyAsync(new RunInput.CheckpointsDeleted(delete.Folders));
                break;
            case RunEffect.LookForNodes when await Effects.FindMoreNodesAsync(state.State) is { Count: > 0 } more:
                await ApplyAsync(new RunInput.Grow(more));
                break;
            case RunEffect.Erase:
                await ForgetAsync();
                break;
            case RunEffect.SetReminder { Wanted: true } when !_reminded:
                await this.RegisterOrUpdateReminder(AwakeReminder, _reminderPeriod, _reminderPeriod);
                _reminded = true;
                break;
            case RunEffect.SetReminder { Wanted: false }:
                await ForgetReminderAsync();
                break;
        }
    }

    private async Task ForgetAsync()
    {
        await tables.DeleteRunAsync(Folder);
        await ForgetReminderAsync();
        await state.ClearStateAsync();
        SetTimer();
        DeactivateOnIdle();
    }

    private async Task ForgetReminderAsync()
    {
        _reminded = false;
        if (await this.GetReminder(AwakeReminder) is { } reminder) await this.UnregisterReminder(reminder);
    }

    [LoggerMessage(2001, LogLevel.Warning, "run {Run}: effect {Effect} failed and will be tried again")]
    private partial void LogEffectFailed(string run, string effect, Exception exception);
}
